import { printable } from "../text/printable.ts";

/**
 * Columns that are as wide as their widest cell, two blanks apart; the last one is not padded. Rows have as
 * many cells as `heads`; what is in them is made printable.
 */
export function textTable(heads: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const cells = rows.map((row) => row.map(printable));
  const widths = heads.map((head, column) =>
    cells.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), head.length),
  );
  const last = heads.length - 1;
  return [heads, ...cells].map((row) =>
    row
      .map((cell, column) => (column === last ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}
