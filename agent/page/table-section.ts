import { formatCount } from "../text/count.ts";
import { type Html, html } from "./html.ts";

export interface Column<Row> {
  readonly head: string;
  readonly isNumber?: boolean;
  /** A cell with its opening tag; HTML does not need the closing one. */
  readonly cell: (row: Row) => Html;
}

export interface TableSection<Row> {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  /** Said when there is nothing. */
  readonly none: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** How many there are, of which `rows` may be the first. */
  readonly total: number;
  /** Characters that the rows may take. */
  readonly room: number;
  /** What has those that are left out. */
  readonly more?: Html;
  readonly after?: readonly Html[];
}

const STATUS = html`<code>causeway status --all</code> lists them`;

/** A heading and a table; what there is no room for is counted. */
export function tableSection<Row>(input: TableSection<Row>): Html {
  const { id, title, note, none, columns, rows, total, room, more = STATUS, after = [] } = input;
  const shown = takeWhileFits(rows, (row) => html`<tr>${columns.map(({ cell }) => cell(row))}\n`, room);
  const left = total - shown.length;
  const heads = columns.map(({ head, isNumber }) =>
    isNumber === true ? html`<th scope=col class=n>${head}` : html`<th scope=col>${head}`,
  );
  const body =
    total === 0
      ? html`<p class="none">${none}</p>`
      : html`<div class="scroll" tabindex="0" role="group" aria-labelledby="${id}-title"><table>
<thead><tr>${heads}</thead>
<tbody>
${shown}</tbody></table></div>${left > 0 ? html`<p class="more">and ${formatCount(left)} more: ${more}</p>` : ""}`;
  return html`<section id="${id}" data-live aria-labelledby="${id}-title"><h2 id="${id}-title">${title}<small>${note}</small></h2>${body}${after}</section>`;
}

function takeWhileFits<Row>(rows: readonly Row[], make: (row: Row) => Html, room: number): readonly Html[] {
  const taken: Html[] = [];
  let left = room;
  for (const row of rows) {
    const made = make(row);
    left -= Buffer.byteLength(made.html);
    if (left < 0) break;
    taken.push(made);
  }
  return taken;
}
