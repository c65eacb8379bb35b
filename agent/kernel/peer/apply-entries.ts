import { cidrContains } from "../../net/cidr.ts";
import { isAlreadyExists } from "../../netlink/message/netlink-error.ts";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import {
  deleteFdbEntry,
  deleteNeighbour,
  type FdbEntry,
  type Neighbour,
  replaceFdbEntry,
  replaceNeighbour,
} from "../../netlink/route/neighbour.ts";
import { addRoute, deleteRoute, replaceRoute, type RouteSpec } from "../../netlink/route/route.ts";
import { removeAll } from "../socket/remove-all.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import type { Change } from "../types.ts";
import type { KnownEntries } from "./observe-peers.ts";
import { diffEntries, type EntryDiff, type PeerEntries, routeKey } from "./peer-entries.ts";

export interface ApplyOptions {
  readonly planned: PeerEntries;
  /** What the kernel has; when it has refused nothing, what it has besides what is planned is left. */
  readonly seen: KnownEntries;
  /** Whether forwarding entries and neighbours stay that are not planned. */
  readonly keepsTunnels: boolean;
  /** Whether a forwarding entry stays that is not planned. */
  readonly keepsDevice: (key: string) => boolean;
  /** Whether a route stays that is not planned. */
  readonly keepsRoute: (key: string) => boolean;
}

export interface EntriesOutcome {
  readonly changes: readonly Change[];
  /** Routes that somebody else's take the place of, as sentences. */
  readonly conflicts: readonly string[];
  /** What else the kernel has refused, as sentences. */
  readonly refusals: readonly string[];
}

/** Makes the entries in the kernel as planned; one that is refused keeps no other from being made. */
export async function applyEntries(
  rtnetlink: NetlinkClient,
  { planned, seen, keepsTunnels, keepsDevice, keepsRoute }: ApplyOptions,
): Promise<EntriesOutcome> {
  const diffs: Diffs = {
    fdb: diffEntries(planned.fdb, seen.fdb, (key) => keepsTunnels || keepsDevice(key)),
    neighbours: diffEntries(planned.neighbours, seen.neighbours, () => keepsTunnels),
    routes: diffEntries(planned.routes, seen.routes, keepsRoute),
  };
  const conflicts: string[] = [];
  const refusals: string[] = [];
  const changes: Change[] = [];
  for (const { requests } of batchesOf("route", routesInTheWay(diffs.routes, seen), deleteRoute))
    await removeAll(rtnetlink, requests);
  for (const { kind, requests } of additionsOf(diffs)) {
    for (const [index, outcome] of (await rtnetlink.tryExecute([{ requests }])).flat().entries()) {
      if (outcome.status !== "failed") changes.push({ kind, fault: requests[index]?.what ?? "" });
      else if (isAlreadyExists(outcome.error)) conflicts.push(describeConflict(outcome.error.what));
      else refusals.push(outcome.error.message);
    }
  }
  for (const { kind, requests } of removalsOf(diffs)) {
    await removeAll(rtnetlink, requests);
    changes.push(...requests.map(({ what }) => ({ kind, fault: what })));
  }
  if (conflicts.length + refusals.length === 0) leaveRest(seen, planned, diffs);
  return { changes, conflicts, refusals };
}

/**
 * Linux refuses a gateway of IPv6 that the route itself leads to by another link (ip6_route_check_nh_onlink
 * of net/ipv6/route.c): a direct route goes before that of the overlay, whose gateway is a pod's, comes.
 */
function routesInTheWay({ wrong }: EntryDiff<RouteSpec>, { routes }: KnownEntries): readonly RouteSpec[] {
  return wrong.flatMap((planned) => {
    const { destination, gateway, linkIndex } = planned;
    if (destination.family !== 6 || gateway === undefined || !cidrContains(destination, gateway)) return [];
    const found = routes.get(routeKey(planned));
    return found === undefined || found.linkIndex === linkIndex ? [] : [found];
  });
}

/** Requests that are sent together. */
interface Batch {
  readonly kind: Change["kind"];
  readonly requests: readonly NetlinkRequest[];
}

/**
 * So many requests are made and sent at a time: those for thousands of nodes would keep others waiting, and
 * be in memory, all together.
 */
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

/** Leaves what the kernel has besides what is planned. */
function leaveRest(seen: KnownEntries, planned: PeerEntries, { routes, neighbours, fdb }: Diffs): void {
  const leave = (
    map: Map<string, object>,
    entries: ReadonlyMap<string, object>,
    surplus: readonly object[],
  ): void => {
    const gone = new Set(surplus);
    for (const [key, entry] of map) if (entries.has(key) || gone.has(entry)) map.delete(key);
  };
  leave(seen.routes, planned.routes, routes.surplus);
  leave(seen.neighbours, planned.neighbours, neighbours.surplus);
  leave(seen.fdb, planned.fdb, fdb.surplus);
}
