import type { Family } from "../../net/address.ts";
import { type AddressCover, createAddressCover } from "../../net/address-cover.ts";
import { RT_TABLE_MAIN } from "../../netlink/constants.ts";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import {
  deleteFdbEntry,
  deleteNeighbour,
  dumpFdb,
  dumpNeighbours,
  type FdbEntry,
  type Neighbour,
  parseFdbEntry,
  parseNeighbour,
  replaceFdbEntry,
  replaceNeighbour,
} from "../../netlink/route/neighbour.ts";
import { isAlreadyExists } from "../../netlink/message/netlink-error.ts";
import {
  addRoute,
  deleteRoute,
  dumpRoutes,
  parseRoute,
  type Route,
  type RouteSpec,
  replaceRoute,
} from "../../netlink/route/route.ts";
import { FAMILIES } from "../../plan/peers/peer-routes.ts";
import type { PeersPlan } from "../../plan/peers/peers.ts";
import { removeAll } from "../pod/detach-pods.ts";
import { ensureTunnel, removeTunnel, type TunnelSockets } from "./ensure-tunnel.ts";
import type { Change } from "../types.ts";
import { ROUTE_PROTOCOL } from "../node/ownership.ts";
import {
  createEntryPlanner,
  diffEntries,
  type EntryDiff,
  fdbKey,
  neighbourKey,
  type PeerEntries,
  routeKey,
} from "./peer-entries.ts";
import { selectPeerRoutes } from "./peer-shape.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import type { PrefixQuestion } from "../socket/watch-kernel.ts";

export interface PeersOptions {
  /** Whether what is not planned may go: not before all nodes are known. */
  readonly prune: boolean;
  /** Whether to look at the kernel, also if nobody has told of a change. */
  readonly verify: boolean;
}

export interface PeersOutcome {
  readonly changes: readonly Change[];
  /** Routes that somebody else's take the place of, as sentences. */
  readonly conflicts: readonly string[];
  /** What else the kernel has refused, as sentences. */
  readonly refusals: readonly string[];
}

/** The routes to other nodes in the kernel: VXLAN devices, routes, permanent neighbours and forwarding entries. */
export interface Peers {
  /**
   * Makes all as planned; one entry that is refused keeps no other from being made. What it has seen or made before it takes as still there,
   * unless it is to verify.
   */
  ensure(plan: PeersPlan, options: PeersOptions): Promise<PeersOutcome>;
  /** Whether the link of this index is one of the VXLAN devices. */
  hasTunnel(linkIndex: number): boolean;
  /** Whether the prefix holds one that was planned last. */
  readonly isRouted: PrefixQuestion;
}

/** What is in the kernel, kept in step with each change. */
export interface KnownEntries extends PeerEntries {
  readonly routes: Map<string, RouteSpec>;
  readonly neighbours: Map<string, Neighbour>;
  readonly fdb: Map<string, FdbEntry>;
}

export function createPeers(sockets: TunnelSockets): Peers {
  const { rtnetlink } = sockets;
  let tunnels: ReadonlyMap<Family, number> = new Map();
  let planEntries = createEntryPlanner(tunnels);
  let plannedTunnels = "";
  let known: KnownEntries | undefined;
  let wanted: PeersPlan["routes"] = new Map();
  let cover: AddressCover | undefined;

  const ensureTunnels = async (plan: PeersPlan, prune: boolean): Promise<Change[]> => {
    const changes: Change[] = [];
    const indices = new Map<Family, number>();
    for (const tunnel of plan.tunnels) {
      const ensured = await ensureTunnel(sockets, tunnel);
      indices.set(tunnel.underlay, ensured.index);
      changes.push(...ensured.changes.map((fault) => ({ kind: "tunnel" as const, fault })));
    }
    const isPlanned = (name: string): boolean => plan.tunnels.some((tunnel) => tunnel.name === name);
    for (const name of plan.tunnelNames) {
      if (!prune || isPlanned(name) || !(await removeTunnel(rtnetlink, name))) continue;
      changes.push({ kind: "tunnel", fault: `VXLAN device "${name}" is no longer needed` });
    }
    if ([...indices].join() !== [...tunnels].join()) planEntries = createEntryPlanner(indices);
    tunnels = indices;
    return changes;
  };

  const apply = async (plan: PeersPlan, prune: boolean, seen: KnownEntries): Promise<PeersOutcome> => {
    const planned = planEntries(plan.routes);
    const keepsTunnels = !prune || plan.held.size > 0;
    const fdb = diffEntries(planned.fdb, seen.fdb, () => keepsTunnels);
    const neighbours = diffEntries(planned.neighbours, seen.neighbours, () => keepsTunnels);
    const routes = diffEntries(planned.routes, seen.routes, (key) => !prune || plan.held.has(key));
    const conflicts: string[] = [];
    const refusals: string[] = [];
    const changes: Change[] = [];
    for (const { kind, requests } of additionsOf({ fdb, neighbours, routes })) {
      for (const [index, outcome] of (await rtnetlink.tryExecute([{ requests }])).flat().entries()) {
        if (outcome.status !== "failed") changes.push({ kind, fault: requests[index]?.what ?? "" });
        else if (isAlreadyExists(outcome.error)) conflicts.push(describeConflict(outcome.error.what));
        else refusals.push(outcome.error.message);
      }
    }
    for (const { kind, requests } of removalsOf({ fdb, neighbours, routes })) {
      await removeAll(rtnetlink, requests);
      changes.push(...requests.map(({ what }) => ({ kind, fault: what })));
    }
    if (conflicts.length + refusals.length === 0) follow(seen, planned, { fdb, neighbours, routes });
    return { changes, conflicts, refusals };
  };

  const ensure: Peers["ensure"] = async (plan, { prune, verify }) => {
    wanted = plan.routes;
    cover = undefined;
    const text = JSON.stringify(plan.tunnels);
    const isFresh = verify || known === undefined || text !== plannedTunnels;
    const changes = isFresh ? await ensureTunnels(plan, prune && plan.held.size === 0) : [];
    plannedTunnels = text;
    const seen =
      isFresh || known === undefined
        ? await observePeers(rtnetlink, [...tunnels.values()], (key) => plan.routes.has(key))
        : known;
    // Until all has gone well nothing is known.
    known = undefined;
    const outcome = await apply(plan, prune, seen);
    // A conflict may be with a route of our own that was not known.
    if (outcome.conflicts.length > 0 && !isFresh) return await ensure(plan, { prune, verify: true });
    if (outcome.conflicts.length + outcome.refusals.length === 0) known = seen;
    return { ...outcome, changes: [...changes, ...outcome.changes] };
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

/** Requests that are sent together. */
interface Batch {
  readonly kind: Change["kind"];
  readonly requests: readonly NetlinkRequest[];
}

/** So many requests are made and sent at a time: those for thousands of nodes would keep others waiting, and be in memory, all together. */
const BATCH_SIZE = 500;

function* batchesOf<Entry>(
  kind: Change["kind"],
  entries: readonly Entry[],
  make: (entry: Entry) => NetlinkRequest,
): Generator<Batch> {
  for (let start = 0; start < entries.length; start += BATCH_SIZE)
    yield { kind, requests: entries.slice(start, start + BATCH_SIZE).map(make) };
}

interface Diffs {
  readonly routes: EntryDiff<RouteSpec>;
  readonly neighbours: EntryDiff<Neighbour>;
  readonly fdb: EntryDiff<FdbEntry>;
}

/** What a route needs comes before it. */
function* additionsOf({ routes, neighbours, fdb }: Diffs): Generator<Batch> {
  yield* batchesOf("tunnel forwarding entry", [...fdb.missing, ...fdb.wrong], replaceFdbEntry);
  yield* batchesOf("tunnel neighbour", [...neighbours.missing, ...neighbours.wrong], replaceNeighbour);
  yield* batchesOf("route", routes.wrong, replaceRoute);
  yield* batchesOf("route", routes.missing, addRoute);
}

function* removalsOf({ routes, neighbours, fdb }: Diffs): Generator<Batch> {
  yield* batchesOf("route", routes.surplus, deleteRoute);
  yield* batchesOf("tunnel neighbour", neighbours.surplus, deleteNeighbour);
  yield* batchesOf("tunnel forwarding entry", fdb.surplus, deleteFdbEntry);
}

function describeConflict(what: string): string {
  return `Cannot ${what}: a route to it exists that the agent did not create; remove it`;
}

/** Brings what is known in step with what was just made. */
function follow(seen: KnownEntries, planned: PeerEntries, { routes, neighbours, fdb }: Diffs): void {
  for (const [key, entry] of planned.routes) seen.routes.set(key, entry);
  for (const [key, entry] of planned.neighbours) seen.neighbours.set(key, entry);
  for (const [key, entry] of planned.fdb) seen.fdb.set(key, entry);
  const gone = new Set<object>([...routes.surplus, ...neighbours.surplus, ...fdb.surplus]);
  if (gone.size === 0) return;
  for (const map of [seen.routes, seen.neighbours, seen.fdb] as readonly Map<string, object>[]) {
    for (const [key, entry] of map) if (gone.has(entry)) map.delete(key);
  }
}

/** Our routes to other nodes, by protocol and shape; and those of our protocol that are in the place of one: whatever they are, they are ours. */
export async function listPeerRoutes(
  rtnetlink: NetlinkClient,
  isPlanned: (key: string) => boolean = () => false,
): Promise<readonly Route[]> {
  const filter = { table: RT_TABLE_MAIN, protocol: ROUTE_PROTOCOL };
  const routes: Route[] = [];
  for (const family of FAMILIES)
    for (const payload of await rtnetlink.dump(dumpRoutes({ ...filter, family })))
      routes.push(parseRoute(payload));
  return [...new Set([...selectPeerRoutes(routes), ...routes.filter((route) => isPlanned(routeKey(route)))])];
}

/** Our routes, and the permanent entries of the VXLAN devices with these indices. */
export async function observePeers(
  rtnetlink: NetlinkClient,
  tunnels: readonly number[],
  isPlanned?: (key: string) => boolean,
): Promise<KnownEntries> {
  const entries: KnownEntries = { routes: new Map(), neighbours: new Map(), fdb: new Map() };
  for (const {
    type: _type,
    scope: _scope,
    nextHops: _hops,
    nextHopId: _id,
    ...route
  } of await listPeerRoutes(rtnetlink, isPlanned))
    entries.routes.set(isOrdinary(route) ? routeKey(route) : `${routeKey(route)} ${route.metric}`, route);
  for (const linkIndex of tunnels) {
    for (const payload of await rtnetlink.dump(dumpNeighbours({ linkIndex }))) {
      const { permanent, mac, ...neighbour } = parseNeighbour(payload);
      if (permanent && mac !== undefined)
        entries.neighbours.set(neighbourKey(neighbour), { ...neighbour, mac });
    }
    for (const payload of await rtnetlink.dump(dumpFdb({ linkIndex }))) {
      const entry = parseFdbEntry(payload);
      if (entry.fixed) entries.fdb.set(fdbKey(entry), entry);
    }
  }
  return entries;
}

/** The metric that the kernel gives a route without one (IP6_RT_PRIO_USER of linux/ipv6_route.h). */
const DEFAULT_METRIC: Readonly<Record<Family, number>> = { 4: 0, 6: 1024 };

/** One of another metric stands beside ours, and is none that we make. */
function isOrdinary({ destination, metric = 0 }: RouteSpec): boolean {
  return metric === DEFAULT_METRIC[destination.family];
}
