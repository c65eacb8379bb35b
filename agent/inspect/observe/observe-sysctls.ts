import type { BridgeNetfilterObservation } from "../../diagnosis/checks/check-bridge-netfilter.ts";
import type { ConntrackObservation } from "../../diagnosis/checks/check-conntrack.ts";
import type { ForwardingObservation } from "../../diagnosis/checks/check-forwarding.ts";
import type { ReversePathObservation } from "../../diagnosis/checks/check-reverse-path.ts";
import type { Datapath } from "../../kernel/read/observe-datapath.ts";
import type { ConnectionObservation } from "./observe-connections.ts";
import { readSysctl, readText } from "../read-proc.ts";

/** The node and its uplinks. */
type Connected = Pick<Datapath, "bridge" | "families" | "tunnels"> & Pick<ConnectionObservation, "uplinks">;

export async function observeForwarding(node: Connected): Promise<ForwardingObservation> {
  const acceptRa = new Map<string, number>();
  for (const { name } of node.uplinks)
    acceptRa.set(name, (await readSysctl(`net/ipv6/conf/${name}/accept_ra`)) ?? 0);
  return {
    links: [...(node.bridge === undefined ? [] : [node.bridge]), ...node.uplinks],
    families: node.families,
    ipv6: await readSysctl("net/ipv6/conf/all/forwarding"),
    acceptRa,
  };
}

export async function observeReversePath(node: Connected): Promise<ReversePathObservation> {
  const { bridge, tunnels, uplinks } = node;
  return {
    all: (await readSysctl("net/ipv4/conf/all/rp_filter")) ?? 0,
    links: [...(bridge === undefined ? [] : [bridge]), ...tunnels, ...uplinks],
    uplinks: uplinks.length,
    dropped: readCounter((await readText("/proc/net/netstat")) ?? "", "IPReversePathFilter"),
  };
}

/** A counter of /proc/net/netstat: lines come in pairs, names first. */
export function readCounter(text: string, name: string): number {
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    const column = line.split(" ").indexOf(name);
    if (column > 0) return Number(lines[index + 1]?.split(" ")[column] ?? 0);
  }
  return 0;
}

/** The settings of br_netfilter that pods' packets meet. */
const BRIDGE_SETTINGS = ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"];

export async function observeBridgeNetfilter(): Promise<BridgeNetfilterObservation> {
  const settings = new Map<string, number>();
  for (const name of BRIDGE_SETTINGS) {
    const value = await readSysctl(`net/bridge/${name}`);
    if (value !== undefined) settings.set(name, value);
  }
  return settings;
}

/** Throws while the node tracks no connections. */
export async function observeConntrack(): Promise<ConntrackObservation> {
  const count = await readSysctl("net/netfilter/nf_conntrack_count");
  const max = await readSysctl("net/netfilter/nf_conntrack_max");
  if (count === undefined || max === undefined) throw new Error("connection tracking is not in use yet");
  return { count, max, dropped: readDropped((await readText("/proc/net/stat/nf_conntrack")) ?? "") };
}

/** Sum over all CPUs of column "drop", in hexadecimal. */
export function readDropped(text: string): number {
  const [header = "", ...rows] = text.trim().split("\n");
  const column = header.split(/ +/).indexOf("drop");
  return rows.reduce((sum, row) => sum + (Number.parseInt(row.split(/ +/)[column] ?? "", 16) || 0), 0);
}
