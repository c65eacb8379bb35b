/**
 * Alternative name of a host link that tells when it was made, in which the kernel keeps that for as long as
 * the link lives, whatever is repaired: `HOST_LINK.since.MS`, milliseconds of CLOCK_MONOTONIC. No clock that
 * is set alters it, and neither it nor a link outlives a boot.
 */
const INFIX = ".since.";

/** All names are of one length: 31 years. */
const DIGITS = 12;

export function formatBirthName(hostLink: string, monotonicMs: number): string {
  return `${hostLink}${INFIX}${String(Math.floor(monotonicMs)).padStart(DIGITS, "0")}`;
}

/** Undefined: none of the names tells. */
export function parseBirthName(hostLink: string, names: readonly string[]): number | undefined {
  const begin = `${hostLink}${INFIX}`;
  const digits = names.find((name) => name.startsWith(begin))?.slice(begin.length) ?? "";
  return /^\d{1,15}$/.test(digits) ? Number(digits) : undefined;
}
