import type { AttachmentReport, CallRecord, NodeReport, PeerReport } from "../report/node-report.ts";
import {
  countPeers,
  describeLimits,
  describePeerCounts,
  describePort,
  formatAge,
  formatMs,
  formatPodAge,
  formatTime,
  nameOfPod,
  ROUTE_WORDS,
} from "../report/words.ts";
import { counted, formatCount } from "../text/count.ts";
import { abridge } from "../text/abridge.ts";
import { deniedSection, dropsSection } from "./denied-section.ts";
import { doctorSection } from "./doctor-section.ts";
import { type Html, html } from "./html.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { PAGE_STYLE } from "./page-style.ts";
import { bars, dot, faviconOf, share } from "./pictures.ts";
import { type Column, tableSection } from "./table-section.ts";

/**
 * Bytes of the whole page, whatever is on the node; `causeway status` has all. Pods get what the rest leaves.
 */
const MAX_BYTES = 60_000;
const ROOM = {
  peers: 5000,
  calls: 5000,
  repairs: 3000,
  problems: 4000,
  denied: 4000,
  drops: 2000,
  doctor: 6000,
} as const;

/** Rows of what one looks at for the last few. */
const MAX_ROWS = 8;
/** Of other nodes that can be reached: enough to see how. */
const MAX_REACHED = 4;
const MAX_PEERS = 25;
const MAX_NOTES = 5;

/** Bytes of a sentence outside of the tables, and of a reason with its remedy, of which there are few. */
const MAX_SENTENCE = 200;
const MAX_REASON = 500;

/**
 * The node's page, whole; the same for the same report but its time. One that `isLive` keeps itself up to
 * date.
 */
export function renderPage(report: NodeReport, { isLive } = { isLive: true }): string {
  const frame = (podSection: Html): string => page(report, podSection, isLive).html;
  const rest = Buffer.byteLength(frame(pods(report, 0)));
  return frame(pods(report, MAX_BYTES - rest));
}

function page(report: NodeReport, podSection: Html, isLive: boolean): Html {
  const isReady = report.readiness?.isReady === true;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${report.node.name}: ${isReady ? "ready" : "not ready"}</title>
<link rel="icon" href="${faviconOf(isReady)}">
<style>${{ html: PAGE_STYLE }}</style>
</head>
<body>
<header>
<h1 id="verdict" data-live>${verdict(report)}</h1>
<p><span id="live" class="soft" role="status">${isLive ? "Reload to update" : `As of ${formatTime(report.atMs)}`}</span></p>
</header>
<main>
<div id="reasons" data-live>${reasons(report)}</div>
<dl id="tiles" class="tiles" data-live>${tiles(report)}</dl>
${doctorSection(report, { room: ROOM.doctor })}
${calls(report)}
<div class="pair">${repairs(report)}${problems(report)}</div>
${deniedSection(report.denied ?? [], { maxRows: MAX_ROWS, room: ROOM.denied })}
${dropsSection(report.denials ?? [], { maxRows: MAX_ROWS, room: ROOM.drops })}
${peers(report)}
${podSection}
<footer id="footer" data-live>${footer(report, isLive)}</footer>
</main>
${isLive ? html`<script type="module">${{ html: PAGE_SCRIPT }}</script>` : ""}
</body>
</html>
`;
}

function verdict({ node, readiness }: NodeReport): Html {
  const isReady = readiness?.isReady === true;
  const kind = isReady ? "good" : "bad";
  return html`<span class="${kind}">${dot()}</span>${node.name} <span class="verdict ${kind}">${isReady ? "Ready" : "Not ready"}</span>`;
}

function reasons({ readiness, rivals }: NodeReport): Html {
  const rows = [
    ...[...(readiness?.reasons ?? []), ...(readiness?.warnings ?? [])].map(
      ({ part, reason }) => html`<li><b>${part}</b>: ${abridge(reason, MAX_REASON)}</li>`,
    ),
    ...rivals
      .slice(0, MAX_NOTES)
      .map(
        (path) => html`<li>Runtimes load <code>${cut(path)}</code> instead of the agent's configuration</li>`,
      ),
  ];
  if (rows.length === 0) return html``;
  return html`<ul class="reasons">${rows}</ul>`;
}

function tiles({ attachments, pools, peers: others, calls: recent }: NodeReport): readonly Html[] {
  const unreachable = (others.counts.unreachable ?? 0) + (others.counts.held ?? 0);
  const adds = recent.filter(({ command }) => command === "ADD");
  const down = attachments.filter(({ isUp }) => !isUp).length;
  return [
    tile("Pods", {
      big: formatCount(attachments.length),
      note: down === 0 ? "interfaces, all up" : html`<span class="bad">${formatCount(down)} down</span>`,
    }),
    ...pools.map(({ cidr, family, taken, size }) =>
      tile(`IPv${family} addresses`, {
        big: formatCount(taken),
        note: html`of ${formatCount(size)} in ${cidr}${share(taken / size)}`,
      }),
    ),
    tile("Other nodes' PodCIDRs", {
      big: formatCount(countPeers(others)),
      note:
        unreachable === 0
          ? describePeerCounts(others)
          : html`<span class="bad">${describePeerCounts(others)}</span>`,
    }),
    tile("ADD", {
      big: adds.length === 0 ? "–" : formatMs(median(adds.map(({ ms }) => ms))),
      note: adds.length === 0 ? "no ADD yet" : html`median of the last ${adds.length}${bars(adds)}`,
    }),
  ];
}

function tile(name: string, { big, note }: { readonly big: string; readonly note: Html | string }): Html {
  return html`<div><dt>${name}</dt><dd class="big">${big}</dd><dd class="note">${note}</dd></div>`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const POD_COLUMNS: readonly Column<AttachmentReport>[] = [
  {
    head: "Pod",
    cell: (pod) => html`<td>${nameOfPod(pod)}${pod.isUp ? "" : html` <span class="bad">down</span>`}`,
  },
  { head: "Addresses", cell: ({ addresses }) => html`<td class=mono>${addresses.join(" ")}` },
  { head: "Host link", cell: ({ hostLink }) => html`<td class=mono>${hostLink}` },
  { head: "MTU", isNumber: true, cell: ({ mtu }) => html`<td class=n>${mtu}` },
  {
    head: "Ports and limits",
    cell: ({ hostPorts, bandwidth }) =>
      html`<td class=x>${[...hostPorts.map(describePort), ...describeLimits(bandwidth)].join(", ")}`,
  },
];

function pods({ attachments, atMs }: NodeReport, room: number): Html {
  const age: Column<AttachmentReport> = {
    head: "Age",
    isNumber: true,
    cell: (pod) => html`<td class=n>${formatPodAge(pod, atMs)}`,
  };
  return tableSection({
    id: "pods",
    title: "Pods",
    note: "the newest first",
    none: "No pod has its network from this agent yet.",
    columns: [...POD_COLUMNS, age],
    rows: attachments,
    total: attachments.length,
    room,
  });
}

function peers({ peers: others }: NodeReport): Html {
  const { list, problems: faults } = others;
  const isFaulty = ({ route }: PeerReport): boolean => route === "held" || route === "unreachable";
  const faulty = list.filter(isFaulty);
  const reached = list.filter((peer) => !isFaulty(peer));
  const notes = faults.slice(0, MAX_NOTES).map((fault) => html`<p class="more warn">${cut(fault)}</p>`);
  return tableSection({
    id: "peers",
    title: "Routes to other nodes",
    note: describePeerCounts(others),
    none: "There are no other nodes.",
    columns: [
      { head: "Node", cell: ({ node }) => html`<td>${node}` },
      { head: "PodCIDR", cell: ({ podCIDR }) => html`<td class=mono>${podCIDR}` },
      {
        head: "Route",
        cell: (peer) => html`<td class="${isFaulty(peer) ? "bad" : ""}">${ROUTE_WORDS[peer.route]}`,
      },
      {
        head: "Via, or reason",
        cell: ({ via, reason }) =>
          via === undefined ? html`<td class=x>${reason}` : html`<td class=mono>${via}`,
      },
    ],
    rows: [...faulty.slice(0, MAX_PEERS), ...reached.slice(0, MAX_REACHED)],
    total: countPeers(others),
    room: ROOM.peers,
    after: notes,
  });
}

function calls(report: NodeReport): Html {
  const recent = report.calls;
  return tableSection<CallRecord>({
    id: "calls",
    title: "Recent CNI calls",
    note: "",
    none: "The runtime has not called since the agent started.",
    columns: [
      { head: "Time", cell: ({ atMs }) => html`<td>${formatTime(atMs)}` },
      { head: "Call", cell: ({ command }) => html`<td>${command}` },
      { head: "Pod", cell: ({ pod, containerId = "" }) => html`<td>${nameOfPod({ pod, containerId })}` },
      { head: "Took", isNumber: true, cell: ({ ms }) => html`<td class=n>${formatMs(ms)}` },
      {
        head: "Result",
        cell: ({ code, error }) =>
          code === 0 ? html`<td class=good>ok` : html`<td class="bad x">${`${code}: ${error ?? ""}`}`,
      },
    ],
    rows: recent.slice(0, MAX_ROWS),
    total: recent.length,
    room: ROOM.calls,
  });
}

function repairs(report: NodeReport): Html {
  const done = report.repairs;
  return tableSection({
    id: "repairs",
    title: "Repairs",
    note: "drift that the agent repaired",
    none: "Nothing has been repaired since the agent started.",
    columns: [
      { head: "Time", cell: ({ atMs }) => html`<td>${formatTime(atMs)}` },
      { head: "Kind", cell: ({ kind }) => html`<td>${kind}` },
      { head: "What", cell: ({ fault }) => html`<td class=x>${fault}` },
    ],
    rows: done.slice(0, MAX_ROWS),
    total: done.length,
    room: ROOM.repairs,
  });
}

function problems(report: NodeReport): Html {
  const told = report.problems;
  return tableSection({
    id: "problems",
    title: "Other warnings and errors",
    note: "of the agent's log, besides failed calls and repairs",
    none: "There have been none since the agent started.",
    columns: [
      { head: "Time", cell: ({ atMs }) => html`<td>${formatTime(atMs)}` },
      { head: "Level", cell: ({ level }) => html`<td class=${level === "error" ? "bad" : "warn"}>${level}` },
      { head: "Message", cell: ({ message }) => html`<td class=x>${message}` },
    ],
    rows: told.slice(0, MAX_ROWS),
    total: told.length,
    room: ROOM.problems,
  });
}

function footer({ node, agent, atMs }: NodeReport, isLive: boolean): Html {
  const source = agent?.source;
  const nodes = source === undefined ? "" : `${counted(source.nodes, "node")} known from ${source.kind}`;
  const key =
    node.wireguard === undefined
      ? ""
      : html` &middot; WireGuard key <span class=mono>${node.wireguard.publicKey}</span>`;
  const fault = source?.fault === undefined ? "" : html` <span class="bad">${cut(source.fault)}</span>`;
  return html`<p>${(node.addresses ?? []).join(", ")} &middot; bridge ${node.bridge} &middot; MTU of pods ${node.mtu}${key} &middot; ${nodes}${fault}</p>
<p>Causeway ${agent?.version} for ${formatAge(atMs - (agent?.startedMs ?? atMs))}${isLive ? html` &middot; <a href="metrics" class="soft">metrics</a> &middot; <a href="report.json" class="soft">report</a>` : ""}</p>`;
}

function cut(text: string): string {
  return abridge(text, MAX_SENTENCE);
}
