import { IN6_ADDR_GEN_MODE_NONE } from "../../netlink/constants.ts";
import { setLink } from "../../netlink/link/link.ts";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import {
  type ObservedFdbEntry,
  type ObservedNeighbour,
  replaceFdbEntry,
  replaceNeighbour,
} from "../../netlink/route/neighbour.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { deleteRoute, replaceRoute, type Route } from "../../netlink/route/route.ts";
import { describePod, parseAlias, parseAttachment } from "../../plan/pods/attachment.ts";
import { otherEndMac } from "../../plan/pods/pod-network.ts";
import { parseAltNames } from "../../plan/pods/pod-settings.ts";
import { listFdb, listNeighbours } from "../link/list-neighbours.ts";
import { diffPort } from "./check-pod.ts";
import { PORT_FLAGS } from "./pod-requests.ts";
import { listPodRoutes, podRoute } from "./pod-routes.ts";
import { type ObservedShaping, observeShaping, planShapingRepairs } from "./shaping.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/** What the host has of all attachments. */
export interface ObservedHost {
  readonly bridge: Link;
  /** Host links with their aliases. */
  readonly links: readonly Link[];
  readonly entries: readonly ObservedFdbEntry[];
  readonly neighbours: readonly ObservedNeighbour[];
  /** Routes to pods of this node. */
  readonly routes: readonly Route[];
  readonly shaping: readonly ObservedShaping[];
}

/** One thing that is not as an ADD left it, and what puts it back. */
export interface Repair {
  readonly kind: "port" | "forwarding entry" | "neighbour" | "route" | "bandwidth";
  readonly fault: string;
  readonly requests: readonly NetlinkRequest[];
}

/** `links` are all links of the node, `hostLinks` those of attachments. */
export async function observeHost(
  rtnetlink: NetlinkClient,
  bridge: Link,
  { links, hostLinks }: { readonly links: readonly Link[]; readonly hostLinks: readonly Link[] },
): Promise<ObservedHost> {
  const entries = await listFdb(rtnetlink, { masterIndex: bridge.index });
  const neighbours = await listNeighbours(rtnetlink, bridge.index);
  const routes = await listPodRoutes(rtnetlink, bridge.index);
  const limited = hostLinks.flatMap((link) => {
    const { bandwidth } = parseAltNames(link.name, link.altNames);
    return bandwidth.ingress === undefined && bandwidth.egress === undefined ? [] : [{ link, bandwidth }];
  });
  const shaping = await observeShaping(rtnetlink, limited, links);
  return { bridge, links: hostLinks, entries, neighbours, routes, shaping };
}

/**
 * Everything on the host's side that somebody has changed: ports taken out of the bridge, flags, entries.
 * Pure.
 */
export function planRepairs(
  { bridge, links, entries, neighbours, routes, shaping }: ObservedHost,
  nextLinkIndex: () => number,
): readonly Repair[] {
  const known = new Map(neighbours.map((neighbour) => [neighbour.address, neighbour]));
  const fixed = new Set(
    entries.filter((entry) => entry.fixed).map(({ linkIndex, mac }) => `${linkIndex} ${mac}`),
  );
  const limits = shaping.flatMap((observed) =>
    planShapingRepairs(observed, nextLinkIndex).map(({ fault, requests }): Repair => {
      return { kind: "bandwidth", fault, requests };
    }),
  );
  const others = links.flatMap((link) => {
    const attachment = parseAttachment(link);
    if (attachment === undefined || link.mac === undefined) return [];
    const mac = otherEndMac(link.mac);
    const { pod } = attachment;
    const where = `host link "${link.name}"${pod === undefined ? "" : ` of ${describePod(attachment)}`}`;
    const port = diffPort(link, bridge.index);
    const repairs: Repair[] = [];
    if (port.length > 0) {
      repairs.push({
        kind: "port",
        fault: `${where} ${port.join(", ")}`,
        requests: portRequests(link, bridge),
      });
    }
    // A port that comes back to the bridge has lost its entry, whatever the dump says.
    if (port.length > 0 || !fixed.has(`${link.index} ${mac}`)) {
      const requests = [replaceFdbEntry({ linkIndex: link.index, mac, owner: "master" })];
      repairs.push({
        kind: "forwarding entry",
        fault: `forwarding entry ${mac} of ${where} is missing`,
        requests,
      });
    }
    for (const address of attachment.addresses) {
      const neighbour = known.get(address);
      if (neighbour?.permanent === true && neighbour.mac === mac) continue;
      const requests = [replaceNeighbour({ linkIndex: bridge.index, address, mac })];
      repairs.push({
        kind: "neighbour",
        fault: `permanent neighbour ${address} of the bridge is missing`,
        requests,
      });
    }
    return repairs;
  });
  return [...others, ...planRouteRepairs(bridge, links, routes), ...limits];
}

/**
 * Every address of a pod has its route, and nothing else has one: for what is behind a route the host would
 * ask on the bridge.
 */
function planRouteRepairs(bridge: Link, links: readonly Link[], routes: readonly Route[]): readonly Repair[] {
  const routed = new Map(routes.map((route) => [route.destination.base, route]));
  const addresses = links.flatMap(({ alias = "" }) => parseAlias(alias)?.addresses ?? []);
  const missing = addresses.filter((address) => !routed.has(address));
  for (const address of addresses) routed.delete(address);
  return [
    ...missing.map((address): Repair => {
      const requests = [replaceRoute(podRoute(bridge.index, address))];
      return { kind: "route", fault: `route to pod ${address} is missing`, requests };
    }),
    ...[...routed].map(([address, route]): Repair => {
      return {
        kind: "route",
        fault: `route to ${address} belongs to no pod`,
        requests: [deleteRoute(route)],
      };
    }),
  ];
}

function portRequests(link: Link, bridge: Link): readonly NetlinkRequest[] {
  const addrGenMode = bridge.addrGenMode === undefined ? undefined : IN6_ADDR_GEN_MODE_NONE;
  return [
    ...(link.masterIndex === bridge.index ? [] : [setLink(link.index, { master: bridge.index })]),
    setLink(link.index, { addrGenMode, bridgePort: PORT_FLAGS }),
    setLink(link.index, { up: true }),
  ];
}
