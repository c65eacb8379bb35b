const GAP = " … ";

/**
 * A text of at most `maxBytes` bytes of UTF-8. What does not fit is left out of the middle: a reason begins
 * with what is wrong, and ends with what to do about it.
 */
export function abridge(text: string, maxBytes: number): string {
  if (text.length <= maxBytes && bytesOf(text) <= maxBytes) return text;
  const room = maxBytes - bytesOf(GAP);
  const [head, tail] = [Math.ceil(room / 2), Math.floor(room / 2)];
  // No unit of UTF-16 takes less than a byte: of a long text, only the ends are looked at.
  const start = takeBytes(Array.from(text.slice(0, head)), head);
  const end = takeBytes(Array.from(text.slice(text.length - tail)).toReversed(), tail).toReversed();
  return `${start.join("")}${GAP}${end.join("")}`;
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function takeBytes(characters: readonly string[], maxBytes: number): string[] {
  let left = maxBytes;
  const next = characters.findIndex((character) => (left -= bytesOfCharacter(character)) < 0);
  return next === -1 ? [...characters] : characters.slice(0, next);
}

/** Without an encoder for each: logs that run full are abridged, too. */
function bytesOfCharacter(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}
