const GAP = " … ";

/**
 * A text of at most `maxBytes` bytes of UTF-8. What does not fit is left out of the middle: a reason begins with what is wrong, and ends with what
 * to do about it.
 */
export function abridge(text: string, maxBytes: number): string {
  if (bytesOf(text) <= maxBytes) return text;
  const room = maxBytes - bytesOf(GAP);
  const characters = Array.from(text);
  const start = takeBytes(characters, Math.ceil(room / 2));
  const end = takeBytes(characters.toReversed(), Math.floor(room / 2)).toReversed();
  return `${start.join("")}${GAP}${end.join("")}`;
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function takeBytes(characters: readonly string[], maxBytes: number): string[] {
  let left = maxBytes;
  const next = characters.findIndex((character) => (left -= bytesOf(character)) < 0);
  return next === -1 ? [...characters] : characters.slice(0, next);
}
