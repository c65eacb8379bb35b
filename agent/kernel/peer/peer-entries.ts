import type { Family } from "../../net/address.ts";
import { formatCidr } from "../../net/cidr.ts";
import type { FdbEntry, Neighbour } from "../../netlink/route/neighbour.ts";
import type { RouteSpec } from "../../netlink/route/route.ts";
import type { PeerRoute } from "../../plan/peers/peer-routes.ts";
import { ROUTE_PROTOCOL } from "../link/ownership.ts";

/** What the kernel holds for the routes to other nodes, each by a key of its own. */
export interface PeerEntries {
  readonly routes: ReadonlyMap<string, RouteSpec>;
  readonly neighbours: ReadonlyMap<string, Neighbour>;
  readonly fdb: ReadonlyMap<string, FdbEntry>;
}

export const routeKey = ({ destination }: Pick<RouteSpec, "destination">): string => formatCidr(destination);
export const neighbourKey = ({ linkIndex, address }: Omit<Neighbour, "mac">): string =>
  `${linkIndex} ${address}`;
export const fdbKey = ({ linkIndex, mac }: Pick<FdbEntry, "linkIndex" | "mac">): string =>
  `${linkIndex} ${mac}`;

/** Index of the VXLAN device of each underlay family. */
export type TunnelIndices = ReadonlyMap<Family, number>;

interface RouteEntries {
  readonly route: RouteSpec;
  readonly neighbour?: Neighbour;
  readonly fdb?: FdbEntry;
}

/**
 * Turns routes into kernel entries. A route that is the same object as before gets the same entries as
 * before, so that a plan of thousands in which one has changed is compared by identity.
 */
export function createEntryPlanner(tunnels: TunnelIndices) {
  const known = new WeakMap<PeerRoute, RouteEntries>();
  return (routes: ReadonlyMap<string, PeerRoute>): PeerEntries => {
    const entries = {
      routes: new Map<string, RouteSpec>(),
      neighbours: new Map<string, Neighbour>(),
      fdb: new Map<string, FdbEntry>(),
    };
    for (const [key, planned] of routes) {
      const made = known.get(planned) ?? entriesOf(planned, tunnels);
      if (made === undefined) continue;
      known.set(planned, made);
      entries.routes.set(key, made.route);
      if (made.neighbour !== undefined) entries.neighbours.set(neighbourKey(made.neighbour), made.neighbour);
      if (made.fdb === undefined) continue;
      // A node with two prefixes has one device.
      const device = fdbKey(made.fdb);
      if (!entries.fdb.has(device)) entries.fdb.set(device, made.fdb);
    }
    return entries;
  };
}

function entriesOf(planned: PeerRoute, tunnels: TunnelIndices): RouteEntries | undefined {
  const { destination, gateway } = planned;
  const protocol = ROUTE_PROTOCOL;
  if (planned.kind === "direct")
    return { route: { destination, gateway, linkIndex: planned.linkIndex, protocol } };
  if (planned.kind === "encrypted") {
    const { source, linkIndex } = planned;
    return { route: { destination, gateway, linkIndex, protocol, source, onlink: true } };
  }
  const linkIndex = tunnels.get(planned.underlay);
  if (linkIndex === undefined) return undefined;
  const { source, mac, remote } = planned;
  return {
    route: { destination, gateway, linkIndex, protocol, source, onlink: true },
    neighbour: { linkIndex, address: gateway, mac },
    fdb: { linkIndex, mac, owner: "self", destination: remote },
  };
}

/** How the entries of one kind differ from what is there. */
export interface EntryDiff<Entry> {
  readonly missing: readonly Entry[];
  readonly wrong: readonly Entry[];
  readonly surplus: readonly Entry[];
}

export function diffEntries<Entry extends object>(
  planned: ReadonlyMap<string, Entry>,
  known: ReadonlyMap<string, Entry>,
  isKept: (key: string) => boolean,
): EntryDiff<Entry> {
  const missing: Entry[] = [];
  const wrong: Entry[] = [];
  for (const [key, entry] of planned) {
    const found = known.get(key);
    if (found === undefined) missing.push(entry);
    else if (found !== entry && !agrees(entry, found)) wrong.push(entry);
  }
  const surplus = [...known].filter(([key]) => !planned.has(key) && !isKept(key)).map(([, entry]) => entry);
  return { missing, wrong, surplus };
}

/** Whether what is found has all that is planned; what the plan leaves open may be anything. */
function agrees(planned: object, found: object): boolean {
  return Object.entries(planned).every(([name, value]) => {
    const other: unknown = found[name as keyof typeof found];
    if (typeof value === "object" && value !== null && typeof other === "object" && other !== null)
      return agrees(value as object, other);
    return value === undefined || value === other;
  });
}
