/**
 * What a terminal or a browser acts on instead of showing it: control characters C0 and C1, with them every
 * escape sequence; format characters, as those that turn the direction of text around (U+202A to 202E, U+2066
 * to 2069); separators of lines and paragraphs; halves of surrogate pairs.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * A text in which nothing can move the cursor, colour the terminal or turn text around: names and errors come
 * from outside. One line.
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, "\ufffd");
}

/**
 * JSON text that means the same and is printable, but for the line feeds that set it out. JSON itself escapes
 * C0 alone.
 */
export function printableJson(json: string): string {
  return json.replaceAll(UNPRINTABLE, (character) =>
    character === "\n"
      ? character
      : Array.from({ length: character.length }, (_, unit) => escapeUnit(character.charCodeAt(unit))).join(
          "",
        ),
  );
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
