/**
 * Alias of a WireGuard device, in which the kernel keeps when its key was made: `PREFIX KEY MS`, the first
 * characters of the public key and milliseconds of CLOCK_MONOTONIC. No clock that is set alters it, neither
 * it nor a key outlives a boot, and of another key it says nothing.
 */
const KEY_CHARACTERS = 12;

export function formatKeyAlias(prefix: string, publicKey: string, bornMs: number): string {
  return `${prefix} ${publicKey.slice(0, KEY_CHARACTERS)} ${Math.floor(bornMs)}`;
}

/** Milliseconds of CLOCK_MONOTONIC; undefined: the alias does not tell of this key. */
export function parseKeyBirth(alias: string | undefined, publicKey: string): number | undefined {
  const [key, digits = ""] = (alias ?? "").split(" ").slice(-2);
  return key === publicKey.slice(0, KEY_CHARACTERS) && /^\d{1,15}$/.test(digits) ? Number(digits) : undefined;
}
