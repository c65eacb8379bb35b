import fc from "fast-check";

/**
 * Any character of Unicode, many of them ASCII. The units "binary" and "grapheme" of fast-check take a second
 * of CPU before the first text.
 */
export const anyCharacter = fc
  .oneof(
    fc.nat(0x7f),
    fc.nat(0xd7ff), // above come the halves of pairs
    fc.integer({ min: 0xe000, max: 0x10ffff }),
  )
  .map((code) => String.fromCodePoint(code));

export const anyText = fc.string({ unit: anyCharacter });
