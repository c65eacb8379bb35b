import type { ProbeResult, ProbeTarget } from "../../diagnosis/checks/check-mtu.ts";
import { findRoute } from "../../kernel/read/find-route.ts";
import type { NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import type { Addon } from "../../native/addon.ts";
import { type PathAnswer, type PathProbe, probePaths } from "../../native/socket/path-probe.ts";
import { addressToBytes } from "../../net/address.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { VXLAN_OVERHEAD } from "../../plan/peers/peers.ts";
import type { Datapath } from "../../kernel/read/observe-datapath.ts";
import type { ConnectionObservation } from "./observe-connections.ts";

/** Of how many nodes of each kind the paths are tried. */
const SAMPLE = 4;
/**
 * A second packet goes after half of it: longer than any network takes between two nodes of a cluster, also
 * while both are busy.
 */
const TIMEOUT_MS = 1000;
/** Passes everywhere (RFC 8200 has it for IPv6). */
const SMALL_BYTES = 64;
/**
 * Sizes that networks between nodes have, for where packets vanish and no router tells: jumbo frames,
 * Ethernet, PPPoE, tunnels. Few, since hosts answer few packets at once.
 */
const LADDER = [8950, 4400, 1500, 1492, 1450, 1420, 1400];
const LADDER_STEPS = 4;
const LEAST = 1280;

export interface PathSockets {
  readonly rtnetlink: NetlinkClient;
  /** The same for NETLINK_NETFILTER. */
  readonly netfilter: NetlinkClient;
  readonly addon: Addon;
}

/**
 * Tries the paths to a sample of nodes, all at once: two packets each, and some more where the large one is
 * lost.
 */
export async function observePaths(
  sockets: PathSockets,
  node: Datapath,
  connections: ConnectionObservation,
): Promise<readonly ProbeResult[]> {
  const targets = await planTargets(sockets.rtnetlink, node, connections);
  const first = await ask(
    sockets.addon,
    targets.flatMap((target) => [{ ...target, size: SMALL_BYTES }, { ...target }]),
  );
  const conclude = async (target: ProbeTarget, index: number): Promise<ProbeResult> => {
    const [small = "no answer", full = "no answer"] = first.slice(2 * index);
    return { ...target, small, full, passes: await findLimit(sockets, target, { small, full }) };
  };
  return Promise.all(targets.map(conclude));
}

function ask(addon: Addon, targets: readonly Pick<ProbeTarget, "address" | "size">[]): Promise<PathAnswer[]> {
  const probes: PathProbe[] = targets.map(({ address, size }) => ({
    address: addressToBytes(address),
    size,
  }));
  return probePaths(addon, probes, TIMEOUT_MS);
}

/** What the kernel has learned from a router, or else the largest step that is answered. */
async function findLimit(
  { rtnetlink, addon }: PathSockets,
  { address, size }: ProbeTarget,
  { small, full }: Pick<ProbeResult, "small" | "full">,
): Promise<number | undefined> {
  if (full === "too big") return (await findRoute(rtnetlink, address))?.mtu;
  if (full === "answered" || small !== "answered") return undefined;
  const steps = [...LADDER.filter((step) => step < size).slice(0, LADDER_STEPS), LEAST];
  const answers = await ask(
    addon,
    steps.map((step) => ({ address, size: step })),
  );
  return steps.find((_, index) => answers[index] === "answered");
}

async function planTargets(
  rtnetlink: NetlinkClient,
  { bridge, tunnels, links }: Datapath,
  { direct, overlays }: ConnectionObservation,
): Promise<ProbeTarget[]> {
  if (bridge === undefined) return [];
  const linkOf = (index: number | undefined): Link | undefined =>
    links.find((link) => link.index === index && link.up);
  const targets: ProbeTarget[] = [];
  for (const [address, linkIndex] of sample([...direct])) {
    const uplink = linkOf(linkIndex);
    if (uplink === undefined) continue;
    targets.push({ address, kind: "direct", size: Math.min(bridge.mtu, uplink.mtu), uplink: uplink.name });
  }
  for (const { name, mtu, underlay } of tunnels) {
    const own = overlays.filter(({ device }) => device === name);
    for (const address of sample([...new Set(own.flatMap(({ remote }) => remote ?? []))])) {
      const uplink = linkOf((await findRoute(rtnetlink, address))?.linkIndex);
      if (uplink === undefined) continue;
      const size = Math.min(mtu + VXLAN_OVERHEAD[underlay], uplink.mtu);
      targets.push({ address, kind: "overlay", size, uplink: uplink.name });
    }
  }
  return targets;
}

/** Evenly spread over all. */
export function sample<Item>(items: readonly Item[]): Item[] {
  if (items.length <= SAMPLE) return [...items];
  return Array.from(
    { length: SAMPLE },
    (_, index) => items[Math.floor((index * items.length) / SAMPLE)] as Item,
  );
}
