import { deleteLink } from "../../netlink/link/link.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { parseAlias } from "../../plan/pods/attachment.ts";
import { ifbName } from "../../plan/pods/ifb.ts";
import type { Kernel } from "../kernel.ts";
import { listNeighbours } from "../link/list-neighbours.ts";
import { isHostLink, isOurs } from "../link/ownership.ts";
import { removeAll } from "../socket/remove-all.ts";
import { addressRemovals, listPodRoutes } from "../pod/pod-routes.ts";
import { observeHost, planRepairs, type Repair } from "../pod/repair-attachments.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import type { LinuxContext } from "./context.ts";
import { findOwnBridge } from "./own-bridge.ts";

export type RepairMethods = Pick<Kernel, "checkAttachments" | "repairAttachments" | "clearLeftovers">;

/** What is put back at attachments, and cleared away after a crash. */
export function createRepairs({ rtnetlink, bridge, hostLinks }: LinuxContext): RepairMethods {
  const listRepairs = async (): Promise<readonly Repair[]> => {
    if (bridge.link === undefined) return [];
    const links = await hostLinks.listPodLike();
    const observed = await observeHost(rtnetlink, bridge.link, {
      links,
      hostLinks: links.filter(isHostLink),
    });
    return planRepairs(observed, () => hostLinks.nextIndex("ifb"));
  };
  return {
    checkAttachments: async () => (await listRepairs()).map(({ fault }) => fault),
    async repairAttachments() {
      const repairs = await listRepairs();
      // A link that goes meanwhile takes its faults along.
      await removeAll(
        rtnetlink,
        repairs.flatMap(({ requests }) => requests),
      );
      return repairs.map(({ kind, fault }) => ({ kind, fault }));
    },
    async clearLeftovers(name) {
      const all = await hostLinks.listPodLike();
      await removeAll(
        rtnetlink,
        leftoversOf(all).map(({ index }) => deleteLink(index)),
      );
      const own = await findOwnBridge(rtnetlink, name);
      if (own === undefined) return;
      const stale = await listStaleAddresses(rtnetlink, own, all.filter(isHostLink));
      await removeAll(
        rtnetlink,
        stale.flatMap((address) => addressRemovals(own.index, address)),
      );
    },
  };
}

/** Host links that never got their alias, and ifbs without the host link that they serve. */
function leftoversOf(all: readonly Link[]): readonly Link[] {
  const hostLinks = all.filter(isHostLink);
  const ifbs = new Set(hostLinks.map((link) => ifbName(link.name)));
  return [
    ...hostLinks.filter(({ alias }) => alias === undefined),
    ...all.filter((link) => link.kind === "ifb" && isOurs(link) && !ifbs.has(link.name)),
  ];
}

/** Addresses that have a route or a permanent neighbour on the bridge, and belong to no attachment. */
async function listStaleAddresses(
  rtnetlink: NetlinkClient,
  bridge: Link,
  hostLinks: readonly Link[],
): Promise<readonly string[]> {
  const kept = new Set(
    hostLinks.flatMap(({ alias }) => (alias === undefined ? [] : (parseAlias(alias)?.addresses ?? []))),
  );
  const neighbours = await listNeighbours(rtnetlink, bridge.index);
  const routes = await listPodRoutes(rtnetlink, bridge.index);
  const known = new Set([
    ...routes.map(({ destination }) => destination.base),
    ...neighbours.flatMap(({ permanent, address }) => (permanent ? [address] : [])),
  ]);
  return [...known].filter((address) => !kept.has(address));
}
