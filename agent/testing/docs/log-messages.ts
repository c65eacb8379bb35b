/**
 * Texts of the messages that a source may log as a warning or an error; `…` stands for what varies. What is
 * no text in place is given as the expression.
 */
export function logMessages(source: string): readonly string[] {
  return [...source.matchAll(/\blog(?:\.(?:warn|error)|\[level\])\(/g)].flatMap((call) => {
    const expression = splitArguments(source, call.index + call[0].length).at(-1) ?? "";
    const texts = [...expression.matchAll(/"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)].map(
      ([, plain, template]) => plain ?? template ?? "",
    );
    // A choice between texts has the condition's own in front.
    const shown = expression.includes(" ? ") ? texts.slice(-2) : texts;
    return (shown.length === 0 ? [expression] : shown).map(withGaps);
  });
}

function withGaps(text: string): string {
  return text.replaceAll(/\$\{[^}]*\}/g, "…").replaceAll(String.raw`\"`, '"');
}

const OPEN = "([{";
const CLOSE = ")]}";

/** The arguments of a call whose parenthesis has been read, as text. */
function splitArguments(source: string, start: number): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let quote = "";
  let from = start;
  for (let at = start; at < source.length; at++) {
    const character = source[at] ?? "";
    if (quote !== "") {
      if (character === "\\") at++;
      else if (character === quote) quote = "";
    } else if ("\"'`".includes(character)) quote = character;
    else if (OPEN.includes(character)) depth++;
    else if (depth === 0 && (character === "," || character === ")")) {
      parts.push(source.slice(from, at).trim());
      from = at + 1;
      if (character === ")") break;
    } else if (CLOSE.includes(character)) depth--;
  }
  return parts.filter((part) => part !== "");
}
