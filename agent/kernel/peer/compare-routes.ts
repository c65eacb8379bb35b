import type { PeerRoute } from "../../plan/peers/peer-routes.ts";
import type { PeersPlan } from "../../plan/peers/peers.ts";
import type { ApplyOptions } from "./apply-entries.ts";
import type { KnownEntries } from "./observe-peers.ts";
import { planEntries, type TunnelIndices } from "./peer-entries.ts";

/**
 * What the kernel has: the entries of thousands of routes are made from these when they are asked for, and
 * next to nothing is left of what else there is.
 */
export interface MadeRoutes {
  readonly routes: PeersPlan["routes"];
  readonly rest: KnownEntries;
}

/** What must be compared of the entries. */
export type Difference = Pick<ApplyOptions, "planned" | "seen" | "keepsDevice">;

/** The entries of routes that are not the same objects as those that were made. */
export function compareRoutes(
  { routes, rest }: MadeRoutes,
  wanted: PeersPlan["routes"],
  tunnels: TunnelIndices,
): Difference {
  const isOther =
    (map: PeersPlan["routes"]) =>
    ([key, route]: readonly [string, PeerRoute]) =>
      map.get(key) !== route;
  const gone = planEntries([...routes].filter(isOther(wanted)), tunnels);
  let devices: ReadonlyMap<string, object> | undefined;
  return {
    planned: planEntries([...wanted].filter(isOther(routes)), tunnels),
    seen: {
      routes: new Map([...rest.routes, ...gone.routes]),
      neighbours: new Map([...rest.neighbours, ...gone.neighbours]),
      fdb: new Map([...rest.fdb, ...gone.fdb]),
    },
    // That of a node with two prefixes is for the other one, too.
    keepsDevice(key) {
      devices ??= planEntries(wanted, tunnels).fdb;
      return devices.has(key);
    },
  };
}
