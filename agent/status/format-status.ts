import type { AttachmentReport, KeyRotationReport, NodeReport, OwnKeyReport } from "../report/node-report.ts";
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
import { formatCount } from "../text/count.ts";
import { printable } from "../text/printable.ts";
import { deniedLines } from "./format-denied.ts";
import { textTable } from "./text-table.ts";

/** Rows of lists that are cut unless all is asked for. */
const MAX_PEERS = 10;
const MAX_CALLS = 10;

export interface StatusText {
  readonly report: NodeReport;
  /** Why the agent does not answer; undefined when it made the report. */
  readonly silence: string | undefined;
  /** Everything, however long. */
  readonly isWhole: boolean;
  readonly colours: boolean;
}

type Paint = (text: string) => string;

interface Palette {
  readonly good: Paint;
  readonly bad: Paint;
  readonly head: Paint;
}

const plain: Paint = (text) => text;
const sgr =
  (code: number): Paint =>
  (text) =>
    `\u001B[${code}m${text}\u001B[0m`;

const PLAIN: Palette = { good: plain, bad: plain, head: plain };
const COLOURED: Palette = { good: sgr(32), bad: sgr(31), head: sgr(1) };

/** The report as text for a terminal; ends with a newline. */
export function formatStatus(input: StatusText): string {
  const { report } = input;
  const palette = input.colours ? COLOURED : PLAIN;
  const blocks = [
    [...verdict(input, palette), ...facts(report)],
    section(`Pods (${formatCount(report.attachments.length)})`, podLines(report), palette),
    section(
      `PodCIDRs of other nodes (${formatCount(countPeers(report.peers))})`,
      peerLines(input, palette),
      palette,
    ),
    ...(input.silence === undefined ? historyBlocks(input, palette) : []),
  ];
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function section(title: string, lines: readonly string[], { head }: Palette): readonly string[] {
  return [head(title), ...lines.map((line) => `  ${line}`)];
}

function verdict({ report, silence }: StatusText, { good, bad, head }: Palette): readonly string[] {
  const { node, readiness, agent } = report;
  const who = head(node.name === undefined ? "This node" : printable(`Node ${node.name}`));
  if (silence !== undefined) {
    return [
      `${who}: ${bad("the agent does not answer")}: ${printable(silence)}`,
      "Pods keep their network without it. What follows is read from the kernel; readiness, names of nodes, unreachable nodes and past events are unknown",
    ];
  }
  const since =
    agent === undefined
      ? ""
      : `, agent ${printable(agent.version)} for ${formatAge(report.atMs - agent.startedMs)}`;
  const told = [...(readiness?.reasons ?? []), ...(readiness?.warnings ?? [])];
  return [
    `${who}: ${readiness?.isReady === true ? good("ready") : bad("not ready")}${since}`,
    ...told.map(({ part, reason }) => `  ${bad("!")} ${printable(`${part}: ${reason}`)}`),
  ];
}

function facts({ node, agent, pools, rivals }: NodeReport): readonly string[] {
  const source = agent?.source;
  const fact = (name: string, values: readonly (string | undefined)[]): string[] =>
    values.flatMap((value, index) =>
      value === undefined ? [] : [`  ${(index === 0 ? name : "").padEnd(10)}${printable(value)}`],
    );
  const describeSource = (): string | undefined => {
    if (source === undefined) return undefined;
    const skipped = source.skipped === 0 ? "" : `, ${formatCount(source.skipped)} unusable`;
    const fault = source.fault === undefined ? "" : `: ${source.fault}`;
    return `${formatCount(source.nodes)} known from ${source.kind}${skipped}${source.isComplete ? "" : ", not all yet"}${fault}`;
  };
  return [
    ...fact("addresses", [node.addresses?.join(", ")]),
    ...fact("bridge", [
      node.bridge === undefined ? "none" : `${node.bridge}, MTU of pods ${node.mtu ?? "unknown"}`,
    ]),
    ...fact("WireGuard", [
      node.wireguard && describeKey(node.wireguard),
      node.wireguard?.rotation && describeRotation(node.wireguard.rotation),
    ]),
    ...fact("pool", pools.length === 0 ? ["no PodCIDR"] : pools.map(describePool)),
    ...fact("nodes", [describeSource()]),
    ...fact(
      "rivals",
      rivals.map((path) => `runtimes load "${path}" instead of the agent's configuration`),
    ),
  ];
}

function describeKey({ publicKey, port, ageMs }: OwnKeyReport): string {
  const age = ageMs === undefined ? "" : `, ${formatAge(ageMs)} old`;
  return `public key ${publicKey}, port ${port}${age}`;
}

function describeRotation({ publicKey, nodes, waitingFor }: KeyRotationReport): string {
  return `next key ${publicKey}, known by ${nodes - waitingFor.length} of ${nodes} nodes`;
}

function describePool({ cidr, size, taken, cooling }: NodeReport["pools"][number]): string {
  const resting = cooling === 0 ? "" : `, ${formatCount(cooling)} recently freed`;
  const share = ((100 * taken) / size).toFixed(taken * 10 < size ? 1 : 0);
  return `${cidr}: ${formatCount(taken)} of ${formatCount(size)} addresses taken (${share} %)${resting}`;
}

const POD_HEADS = ["POD", "INTERFACE", "ADDRESSES", "HOST LINK", "MTU", "AGE", "PORTS AND LIMITS"];

function podLines({ attachments, atMs }: NodeReport): readonly string[] {
  if (attachments.length === 0) return ["none"];
  const row = (attachment: AttachmentReport): string[] => {
    const { ifname, addresses, hostLink, mtu, isUp, hostPorts, bandwidth } = attachment;
    const extras = [...hostPorts.map(describePort), ...describeLimits(bandwidth)].join(", ");
    return [
      nameOfPod(attachment),
      ifname,
      addresses.join(" "),
      `${hostLink}${isUp ? "" : " (down)"}`,
      String(mtu),
      formatPodAge(attachment, atMs),
      extras,
    ];
  };
  return textTable(POD_HEADS, attachments.map(row));
}

/** Nodes that can be reached are no news: they are only counted unless everything is asked for. */
function peerLines({ report, isWhole, silence }: StatusText, { bad }: Palette): readonly string[] {
  const { list, problems } = report.peers;
  const faulty = list.filter(({ route }) => route === "unreachable" || route === "held");
  const shown = isWhole ? list : faulty.slice(0, MAX_PEERS);
  const rows = shown.map(({ node = "unknown", podCIDR, route, via = "", reason = "" }) => [
    node,
    podCIDR,
    ROUTE_WORDS[route],
    via === "" ? reason : via,
  ]);
  const more = countPeers(report.peers) - shown.length;
  return [
    `${describePeerCounts(report.peers)}${silence === undefined ? "" : " that have a route"}`,
    ...(rows.length === 0 ? [] : textTable(["NODE", "PODCIDR", "ROUTE", "VIA"], rows)),
    ...(more > 0 ? [`${formatCount(more)} not shown: --all lists them`] : []),
    ...problems.map((problem) => `${bad("!")} ${printable(problem)}`),
  ];
}

function historyBlocks({ report, isWhole }: StatusText, palette: Palette): readonly (readonly string[])[] {
  const { calls, repairs, problems, denied = [] } = report;
  const shown = isWhole ? calls : calls.slice(0, MAX_CALLS);
  const callRows = shown.map(({ atMs, command, pod, containerId = "", ms, code, error = "" }) => [
    formatTime(atMs),
    command,
    nameOfPod({ pod, containerId }),
    formatMs(ms),
    code === 0 ? "ok" : `${code}: ${error}`,
  ]);
  const block = (title: string, heads: readonly string[], rows: readonly (readonly string[])[]) =>
    section(title, rows.length === 0 ? ["none"] : textTable(heads, rows), palette);
  return [
    block("Last CNI calls", ["WHEN", "CALL", "POD", "TOOK", "RESULT"], callRows),
    block(
      "Last repairs",
      ["WHEN", "KIND", "WHAT"],
      repairs.map(({ atMs, kind, fault }) => [formatTime(atMs), kind, fault]),
    ),
    block(
      "Last other warnings and errors",
      ["WHEN", "LEVEL", "MESSAGE"],
      problems.map(({ atMs, level, message }) => [formatTime(atMs), level, message]),
    ),
    section("Denied by policy", deniedLines(isWhole ? denied : denied.slice(0, MAX_CALLS)), palette),
  ];
}
