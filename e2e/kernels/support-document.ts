const [BEGIN, END] = ["<!-- kernels: begin -->\n", "<!-- kernels: end -->\n"];

/**
 * Puts a table of results into docs/support.md. Of kernels that have not run now, told by the first cell, the
 * row stays that is there. Throws when the document's marks are missing.
 */
export function updateTable(text: string, table: string): string {
  const [begin, end] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  if (begin < BEGIN.length || end < begin)
    throw new Error(`Cannot find "${BEGIN.trim()}" and "${END.trim()}"`);
  const [head = "", line = "", ...rows] = table.split("\n");
  const known = text.slice(begin, end).split("\n").filter(isResult);
  const names = new Set([...known, ...rows].map(nameOf));
  const latest = [...names].map((name) => [...rows, ...known].find((row) => nameOf(row) === name));
  return `${text.slice(0, begin)}\n${[head, line, ...latest].join("\n")}\n\n${text.slice(end)}`;
}

function nameOf(row: string): string {
  return row.split("|")[1]?.trim() ?? "";
}

function isResult(line: string): boolean {
  return line.startsWith("| ") && !line.startsWith("| kernel") && !line.startsWith("| ---");
}
