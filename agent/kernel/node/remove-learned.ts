import { isMulticast } from "../../net/address.ts";
import { formatCidr, cidrOf } from "../../net/cidr.ts";
import { RT_TABLE_MAIN, RTPROT_KERNEL, RTPROT_RA } from "../../netlink/constants.ts";
import { deleteNeighbour, type ObservedNeighbour } from "../../netlink/route/neighbour.ts";
import { deleteRoute, dumpRoutes, parseRoute, type Route } from "../../netlink/route/route.ts";
import { removeAll } from "../socket/remove-all.ts";
import type { Change } from "../types.ts";
import { listAddresses } from "../link/list-addresses.ts";
import { listNeighbours } from "../link/list-neighbours.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/**
 * Removes what the kernel has learned on a link from others: neighbours that are not permanent, and IPv6
 * routes from router advertisements. On the bridge only pods could have told them, and a default route by one
 * of them takes the node's traffic to a pod (CVE-2020-10749). The rules of the bridge let nothing of it
 * through; so it is of an earlier release, or of a time without rules.
 */
export async function removeLearned(rtnetlink: NetlinkClient, linkIndex: number): Promise<readonly Change[]> {
  const neighbours = await listNeighbours(rtnetlink, linkIndex);
  const batches = [
    { kind: "learned route", requests: (await listLearnedRoutes(rtnetlink, linkIndex)).map(deleteRoute) },
    {
      kind: "learned neighbour",
      requests: neighbours.filter(isLearnedNeighbour).map(deleteNeighbour),
    },
  ] as const;
  const changes: Change[] = [];
  for (const { kind, requests } of batches) {
    await removeAll(rtnetlink, requests);
    changes.push(...requests.map(({ what }) => ({ kind, fault: what })));
  }
  return changes;
}

/**
 * Groups are known without asking: an entry of one is of what the host itself sends, such as ff02::16 for
 * multicast listeners.
 */
function isLearnedNeighbour({ address, permanent }: ObservedNeighbour): boolean {
  return !permanent && !isMulticast(address);
}

/**
 * A prefix that an advertisement called on-link stands there as the kernel's own, of which no address of the
 * link tells.
 */
async function listLearnedRoutes(rtnetlink: NetlinkClient, linkIndex: number): Promise<readonly Route[]> {
  const filter = { family: 6, table: RT_TABLE_MAIN, linkIndex } as const;
  const routes = (await rtnetlink.dump(dumpRoutes(filter))).map(parseRoute);
  const addresses = await listAddresses(rtnetlink, linkIndex);
  const own = new Set(
    addresses.map(({ address, prefixLength }) => formatCidr(cidrOf(address, prefixLength))),
  );
  return routes.filter((route) => isLearned(route, own));
}

/** `own`: prefixes of the link's addresses. */
function isLearned({ protocol, destination }: Route, own: ReadonlySet<string>): boolean {
  return protocol === RTPROT_RA || (protocol === RTPROT_KERNEL && !own.has(formatCidr(destination)));
}
