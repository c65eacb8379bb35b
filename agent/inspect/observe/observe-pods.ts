import type { PodEnd } from "../../diagnosis/path-observation.ts";
import { attachmentOf } from "../../kernel/pod/pod-links.ts";
import { listPodRoutes } from "../../kernel/pod/pod-routes.ts";
import { listFdb, listNeighbours } from "../../kernel/link/list-neighbours.ts";
import type { NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { parseAttachment } from "../../plan/pods/attachment.ts";
import type { SourceBinding } from "../../plan/pods/sources.ts";
import type { Datapath } from "../../kernel/read/observe-datapath.ts";

/**
 * Every address of every pod as the host sees it, from one dump of each: routes to pods, neighbours and
 * forwarding entries of the bridge.
 */
export async function observePods(
  rtnetlink: NetlinkClient,
  { bridge, hostLinks }: Datapath,
): Promise<readonly PodEnd[]> {
  if (bridge === undefined) return [];
  const [routes, neighbours, entries] = await Promise.all([
    listPodRoutes(rtnetlink, bridge.index),
    listNeighbours(rtnetlink, bridge.index),
    listFdb(rtnetlink, { masterIndex: bridge.index }),
  ]);
  const routed = new Set(routes.map(({ destination }) => destination.base));
  const byAddress = new Map(neighbours.map((entry) => [entry.address, entry]));
  const byPort = Map.groupBy(
    entries.filter(({ fixed, owner }) => fixed && owner === "master"),
    ({ linkIndex }) => linkIndex,
  );
  return hostLinks.flatMap((hostLink) => {
    const attachment = parseAttachment(hostLink);
    if (attachment === undefined) return [];
    const { containerId, ifname, addresses, pod } = attachment;
    // A port's own MAC is an entry too.
    const portMacs = (byPort.get(hostLink.index) ?? [])
      .map(({ mac }) => mac)
      .filter((mac) => mac !== hostLink.mac);
    return addresses.map((address) => {
      const isRouted = routed.has(address);
      return {
        address,
        hostLink,
        containerId,
        ifname,
        pod,
        isRouted,
        neighbour: byAddress.get(address),
        portMacs,
      };
    });
  });
}

/** What every pod may send from, as the names of its link tell it. */
export function observeSources(hostLinks: readonly Link[]): readonly SourceBinding[] {
  return hostLinks.flatMap((link) => {
    const attachment = attachmentOf(link);
    if (attachment === undefined) return [];
    const { hostLink, addresses, mac, settings } = attachment;
    return [{ hostLink, addresses, mac, anySource: settings?.anySource ?? false }];
  });
}
