/**
 * Puts a table of results between the marks `<!-- NAME: begin -->` and `<!-- NAME: end -->` of
 * docs/support.md. Of what has not run now, told by the first cell, the row stays that is there; `merge`
 * makes a row of a new one and of what is there. Throws when the document's marks are missing.
 */
export function updateTable(
  text: string,
  table: string,
  name: string,
  merge = (latest: string, _known: string | undefined): string => latest,
): string {
  const [first, last] = [`<!-- ${name}: begin -->\n`, `<!-- ${name}: end -->\n`];
  const [begin, end] = [text.indexOf(first) + first.length, text.indexOf(last)];
  if (begin < first.length || end < begin)
    throw new Error(`Cannot find "${first.trim()}" and "${last.trim()}"`);
  const [head = "", line = "", ...rows] = table.split("\n");
  const isResult = (each: string): boolean =>
    each.startsWith("| ") && !each.startsWith("| ---") && nameOf(each) !== nameOf(head);
  const known = text.slice(begin, end).split("\n").filter(isResult);
  const names = new Set([...known, ...rows].map(nameOf));
  const find = (list: readonly string[], wanted: string): string | undefined =>
    list.find((row) => nameOf(row) === wanted);
  const latest = [...names].map((wanted) => {
    const [row, old] = [find(rows, wanted), find(known, wanted)];
    return row === undefined ? old : merge(row, old);
  });
  return `${text.slice(0, begin)}\n${[head, line, ...latest].join("\n")}\n\n${text.slice(end)}`;
}

function nameOf(row: string): string {
  return row.split("|")[1]?.trim() ?? "";
}
