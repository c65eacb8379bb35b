/** An element of a list as it stands in a file. */
export interface YamlElement {
  /** Of the element with its dash; a YAML list of one element. */
  readonly text: string;
  /** Lines of the file before it. */
  readonly line: number;
}

/** Where an element begins: everything that belongs to it is indented (YAML 1.2.2, section 8.2.1). */
const DASH = /^-(?:[ \t]|$)/;
const BLANK = /^\s*(?:#.*)?$/;

/**
 * Splits a YAML list whose elements begin with a dash in the first column, so that they can be read one by
 * one. Undefined for all other texts, and for those in which an element may depend on another: with anchors,
 * aliases, directives or several documents.
 */
export function splitYamlList(text: string): readonly YamlElement[] | undefined {
  if (/[&*%]|\r/.test(text)) return undefined;
  const lines = text.split("\n");
  const starts: number[] = [];
  for (const [index, line] of lines.entries()) {
    if (DASH.test(line)) starts.push(index);
    else if (starts.length === 0 ? line !== "---" && !BLANK.test(line) : /^[^\s#]/.test(line))
      return undefined;
  }
  if (starts.length === 0) return undefined;
  return starts.map((line, index) => ({ text: lines.slice(line, starts[index + 1]).join("\n"), line }));
}
