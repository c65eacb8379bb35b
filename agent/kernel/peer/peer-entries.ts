import type { Family } from "../../net/address.ts";
import { agrees } from "../../lib/same-list.ts";
import { addressAt, formatCidr } from "../../net/cidr.ts";
import { macOf } from "../../net/mac.ts";
import type { FdbEntry, Neighbour } from "../../netlink/route/neighbour.ts";
import type { RouteSpec } from "../../netlink/route/route.ts";
import { encryptedGateway, type PeerRoute } from "../../plan/peers/peer-routes.ts";
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

/** Turns routes into kernel entries. */
export function planEntries(
  routes: Iterable<readonly [key: string, route: PeerRoute]>,
  tunnels: TunnelIndices,
): PeerEntries {
  const entries = {
    routes: new Map<string, RouteSpec>(),
    neighbours: new Map<string, Neighbour>(),
    fdb: new Map<string, FdbEntry>(),
  };
  for (const [key, planned] of routes) {
    const made = entriesOf(planned, tunnels);
    if (made === undefined) continue;
    entries.routes.set(key, made.route);
    if (made.neighbour !== undefined) entries.neighbours.set(neighbourKey(made.neighbour), made.neighbour);
    // A node with two prefixes has one device.
    if (made.fdb !== undefined) entries.fdb.set(fdbKey(made.fdb), made.fdb);
  }
  return entries;
}

function entriesOf(planned: PeerRoute, tunnels: TunnelIndices): RouteEntries | undefined {
  const { destination } = planned;
  const protocol = ROUTE_PROTOCOL;
  if (planned.kind === "direct") {
    const { gateway, linkIndex } = planned;
    return { route: { destination, gateway, linkIndex, protocol } };
  }
  if (planned.kind === "encrypted") {
    const { source, linkIndex } = planned;
    const gateway = encryptedGateway(destination);
    return { route: { destination, gateway, linkIndex, protocol, source, onlink: true } };
  }
  const linkIndex = tunnels.get(planned.underlay);
  if (linkIndex === undefined) return undefined;
  const { source, remote } = planned;
  // Nobody asks who has it, and nobody has to publish the MAC of its node's device.
  const gateway = addressAt(destination, 1n);
  const mac = macOf(remote);
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
