/**
 * Changes the table between the marks `<!-- NAME: begin -->` and `<!-- NAME: end -->` of docs/support.md.
 * Throws when the document's marks are missing.
 */
export function changeTable(text: string, name: string, change: (known: string) => string): string {
  const [first, last] = [`<!-- ${name}: begin -->\n`, `<!-- ${name}: end -->\n`];
  const [begin, end] = [text.indexOf(first) + first.length, text.indexOf(last)];
  if (begin < first.length || end < begin)
    throw new Error(`Cannot find "${first.trim()}" and "${last.trim()}"`);
  return `${text.slice(0, begin)}\n${change(text.slice(begin, end).trim())}\n\n${text.slice(end)}`;
}

/** The latest table, with those rows of the known one whose first cell it does not have. */
export function mergeRows(latest: string, known: string): string {
  const [head = "", line = "", ...rows] = latest.split("\n");
  const old = known.split("\n").slice(2);
  const names = new Set([...old, ...rows].map(nameOf));
  const find = (wanted: string): string | undefined =>
    [...rows, ...old].find((row) => nameOf(row) === wanted);
  return [head, line, ...[...names].map(find)].join("\n");
}

function nameOf(row: string): string {
  return row.split("|")[1]?.trim() ?? "";
}
