import type { DeniedRecord } from "../report/node-report.ts";
import { formatCount, formatTime } from "../report/words.ts";
import { type Html, html } from "./html.ts";
import { tableSection } from "./table-section.ts";

/** `room`: characters that the rows may take, of which there are `maxRows`. */
export function deniedSection(
  denied: readonly DeniedRecord[],
  { maxRows, room }: { readonly maxRows: number; readonly room: number },
): Html {
  return tableSection({
    id: "denied",
    title: "Denied by policy",
    note: "the newest first",
    none: "Network policies have denied nothing since the agent started.",
    columns: [
      { head: "Last time", cell: ({ atMs }) => html`<td>${formatTime(atMs)}` },
      { head: "Direction", cell: ({ direction }) => html`<td>${direction}` },
      { head: "From", cell: ({ from }) => html`<td>${from}` },
      { head: "To", cell: ({ to }) => html`<td>${to}` },
      { head: "Port", cell: ({ port }) => html`<td class=mono>${port}` },
      { head: "Packets", isNumber: true, cell: ({ packets }) => html`<td class=n>${formatCount(packets)}` },
      {
        head: "Why",
        cell: ({ reason, hint }) => html`<td class=x>${hint === undefined ? reason : `${reason}; ${hint}`}`,
      },
    ],
    rows: denied.slice(0, maxRows),
    total: denied.length,
    room,
  });
}
