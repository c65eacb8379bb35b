import type { Family } from "../../net/address.ts";
import { type AddressCover, createAddressCover } from "../../net/address-cover.ts";
import type { PeersPlan } from "../../plan/peers/peers.ts";
import type { PrefixQuestion } from "../link/watch-kernel.ts";
import type { Change } from "../types.ts";
import { applyEntries, type EntriesOutcome } from "./apply-entries.ts";
import { compareRoutes, type Difference, type MadeRoutes } from "./compare-routes.ts";
import { ensureTunnel, removeTunnel, type TunnelSockets, VxlanMissingError } from "./ensure-tunnel.ts";
import { observePeers } from "./observe-peers.ts";
import { planEntries, type TunnelIndices } from "./peer-entries.ts";

export interface PeersOptions {
  /** Whether what is not planned may go: not before all nodes are known. */
  readonly prune: boolean;
  /** Whether to look at the kernel, also if nobody has told of a change. */
  readonly verify: boolean;
}

/** What was changed, tunnels included. */
export interface PeersOutcome extends EntriesOutcome {
  /** Why no route through VXLAN is made, while the kernel has none, as a sentence. */
  readonly noOverlay?: string | undefined;
}

/**
 * The routes to other nodes in the kernel: VXLAN devices, routes, permanent neighbours and forwarding
 * entries.
 */
export interface Peers {
  /**
   * Makes all as planned; one entry that is refused keeps no other from being made. What it has seen or made
   * before it takes as still there, unless it is to verify.
   */
  ensure(plan: PeersPlan, options: PeersOptions): Promise<PeersOutcome>;
  /** Whether the link of this index is one of the VXLAN devices. */
  hasTunnel(linkIndex: number): boolean;
  /** Whether the prefix holds one that was planned last. */
  readonly isRouted: PrefixQuestion;
}

interface EnsuredTunnels extends Pick<PeersOutcome, "noOverlay"> {
  readonly changes: Change[];
}

/** A kernel without VXLAN refuses it for every family. */
async function makeTunnels(
  sockets: TunnelSockets,
  plan: PeersPlan,
): Promise<EnsuredTunnels & { readonly indices: TunnelIndices }> {
  const changes: Change[] = [];
  const indices = new Map<Family, number>();
  try {
    for (const tunnel of plan.tunnels) {
      const ensured = await ensureTunnel(sockets, tunnel);
      indices.set(tunnel.underlay, ensured.index);
      changes.push(...ensured.changes.map((fault) => ({ kind: "tunnel" as const, fault })));
    }
  } catch (error) {
    // Nodes that are reached otherwise are not to wait for a module.
    if (!(error instanceof VxlanMissingError)) throw error;
    return { indices, changes, noOverlay: error.message };
  }
  return { indices, changes };
}

export function createPeers(sockets: TunnelSockets): Peers {
  const { rtnetlink } = sockets;
  let tunnels: TunnelIndices = new Map();
  let plannedTunnels = "";
  let made: MadeRoutes | undefined;
  let wanted: PeersPlan["routes"] = new Map();
  let cover: AddressCover | undefined;

  const ensureTunnels = async (plan: PeersPlan, prune: boolean): Promise<EnsuredTunnels> => {
    const { indices, changes, noOverlay } = await makeTunnels(sockets, plan);
    const isPlanned = (name: string): boolean => plan.tunnels.some((tunnel) => tunnel.name === name);
    for (const name of plan.tunnelNames) {
      if (!prune || isPlanned(name) || !(await removeTunnel(rtnetlink, name))) continue;
      changes.push({ kind: "tunnel", fault: `VXLAN device "${name}" is no longer needed` });
    }
    tunnels = indices;
    return { changes, noOverlay };
  };

  const observe = async ({ routes }: PeersPlan): Promise<Difference> => ({
    planned: planEntries(routes, tunnels),
    seen: await observePeers(rtnetlink, [...tunnels.values()], (key) => routes.has(key)),
    keepsDevice: () => false,
  });

  const ensure: Peers["ensure"] = async (plan, { prune, verify }) => {
    const { routes } = plan;
    wanted = routes;
    cover = undefined;
    const text = JSON.stringify(plan.tunnels);
    const before = verify || text !== plannedTunnels ? undefined : made;
    const { changes, noOverlay }: EnsuredTunnels =
      before === undefined ? await ensureTunnels(plan, prune && plan.held.size === 0) : { changes: [] };
    plannedTunnels = text;
    const difference = before === undefined ? await observe(plan) : compareRoutes(before, routes, tunnels);
    // Until all has gone well nothing is known.
    made = undefined;
    const outcome = await applyEntries(rtnetlink, {
      ...difference,
      keepsTunnels: !prune || plan.held.size > 0,
      keepsRoute: (key) => !prune || plan.held.has(key),
    });
    // A conflict may be with a route of our own that was not known.
    if (outcome.conflicts.length > 0 && before !== undefined)
      return await ensure(plan, { prune, verify: true });
    const isWhole = outcome.conflicts.length + outcome.refusals.length === 0 && noOverlay === undefined;
    if (isWhole) made = { routes, rest: difference.seen };
    const lacking = noOverlay === undefined ? {} : { noOverlay };
    return { ...outcome, ...lacking, changes: [...changes, ...outcome.changes] };
  };

  return {
    ensure,
    hasTunnel: (linkIndex) => [...tunnels.values()].includes(linkIndex),
    isRouted(family, base, prefixLength) {
      cover ??= createAddressCover([...wanted.values()].map(({ destination }) => destination.base));
      return cover.holdsAny(family, base, prefixLength);
    },
  };
}
