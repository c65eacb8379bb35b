import type { ProbeResult, ProbeTarget } from "../diagnosis/check-mtu.ts";
import { readOne } from "../kernel/read-one.ts";
import type { Rtnetlink } from "../kernel/rtnetlink.ts";
import type { Addon } from "../native/addon.ts";
import { type PathAnswer, type PathProbe, probePaths } from "../native/path-probe.ts";
import { addressToBytes } from "../net/address.ts";
import type { Link } from "../netlink/parse-link.ts";
import { dumpFdb, parseFdbEntry } from "../netlink/neighbour.ts";
import { getRoute, parseRoute, type Route } from "../netlink/route.ts";
import { VXLAN_OVERHEAD } from "../plan/peers.ts";
import type { NodeObservation } from "./observe-node.ts";

/** Of how many nodes of each kind the paths are tried. */
const SAMPLE = 4;
const TIMEOUT_MS = 400;
/** Passes everywhere (RFC 8200 has it for IPv6). */
const SMALL_BYTES = 64;
/**
 * Sizes that networks between nodes have, for where packets vanish and no router tells: jumbo frames, Ethernet, PPPoE, tunnels. Few, since hosts
 * answer few packets at once.
 */
const LADDER = [8950, 4400, 1500, 1492, 1450, 1420, 1400];
const LADDER_STEPS = 4;
const LEAST = 1280;

export interface PathSockets {
  readonly rtnetlink: Rtnetlink;
  readonly addon: Addon;
}

/** Tries the paths to a sample of nodes, all at once: two packets each, and some more where the large one is lost. */
export async function observePaths(
  sockets: PathSockets,
  node: NodeObservation,
): Promise<readonly ProbeResult[]> {
  const targets = await planTargets(sockets.rtnetlink, node);
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

async function planTargets(rtnetlink: Rtnetlink, node: NodeObservation): Promise<ProbeTarget[]> {
  const { bridge, tunnels, links, routes } = node;
  if (bridge === undefined) return [];
  const nameOf = (index: number | undefined): Link | undefined => links.find((link) => link.index === index);
  const targets: ProbeTarget[] = [];
  const ours = new Set([bridge, ...tunnels].map(({ index }) => index));
  const gateways = new Map(
    routes.flatMap(({ gateway, linkIndex }) =>
      gateway === undefined || linkIndex === undefined || ours.has(linkIndex) ? [] : [[gateway, linkIndex]],
    ),
  );
  for (const [address, linkIndex] of sample([...gateways])) {
    const uplink = nameOf(linkIndex);
    if (uplink?.up !== true) continue;
    targets.push({ address, kind: "direct", size: Math.min(bridge.mtu, uplink.mtu), uplink: uplink.name });
  }
  for (const tunnel of tunnels) {
    const entries = (await rtnetlink.dump(dumpFdb({ linkIndex: tunnel.index }))).map(parseFdbEntry);
    const remotes = new Set(entries.flatMap(({ destination }) => destination ?? []));
    for (const address of sample([...remotes])) {
      const uplink = nameOf((await findRoute(rtnetlink, address))?.linkIndex);
      if (uplink?.up !== true) continue;
      const size = Math.min(tunnel.mtu + VXLAN_OVERHEAD[tunnel.underlay], uplink.mtu);
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

/** The way that the host's own packets take; undefined when there is none. */
async function findRoute(rtnetlink: Rtnetlink, destination: string): Promise<Route | undefined> {
  return readOne(rtnetlink, getRoute({ destination }), parseRoute).catch(() => undefined);
}
