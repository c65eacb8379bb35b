import type { DeniedRecord, NodeReport } from "../report/node-report.ts";
import { formatTime } from "../report/words.ts";
import { formatCount } from "../text/count.ts";
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

/** Packets that each policy has dropped; nothing while none has. */
export function dropsSection(
  denials: NonNullable<NodeReport["denials"]>,
  { maxRows, room }: { readonly maxRows: number; readonly room: number },
): Html {
  if (denials.length === 0) return html`<div id="drops" data-live></div>`;
  return tableSection({
    id: "drops",
    title: "Drops by policy",
    note: "since the agent started",
    none: "",
    columns: [
      { head: "Policy", cell: ({ namespace, policy }) => html`<td>${nameOfPolicy(namespace, policy)}` },
      { head: "Direction", cell: ({ direction }) => html`<td>${direction}` },
      { head: "Packets", isNumber: true, cell: ({ packets }) => html`<td class=n>${formatCount(packets)}` },
    ],
    rows: denials.slice(0, maxRows),
    total: denials.length,
    room,
  });
}

function nameOfPolicy(namespace: string, policy: string): string {
  if (policy === "") return "pod not known yet";
  return namespace === "" ? policy : `${namespace}/${policy}`;
}
