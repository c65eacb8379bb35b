import type { Family } from "../../net/address.ts";
import { addressBits, type Cidr, cidrOf, hostCidr } from "../../net/cidr.ts";
import { dumpAddresses, parseAddress } from "../../netlink/route/address.ts";
import { RT_TABLE_MAIN } from "../../netlink/constants.ts";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import { isAlreadyExists } from "../../netlink/message/netlink-error.ts";
import {
  addRoute,
  appendRoute,
  dumpRoutes,
  parseRoute,
  prependRoute,
  type RouteSpec,
} from "../../netlink/route/route.ts";
import { addRule, type SourceRule } from "../../netlink/route/rule.ts";
import type { PodAddressPlan } from "../../plan/pods/pod-network.ts";
import {
  type OtherRoute,
  planPodRouting,
  type PodRoute,
  type PodRouting,
} from "../../plan/pods/pod-routing.ts";
import { ROUTE_PROTOCOL } from "../link/ownership.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/** Priority of the rules that we make in pods: before the main table's. */
const RULE_PRIORITY = 25_463;

export interface RoutePodInput {
  readonly rtnetlink: NetlinkClient;
  /** rtnetlink socket inside the pod's namespace. */
  readonly socket: number;
  /** Of the pod's end. */
  readonly podLinkIndex: number;
  /** Those whose routes are not made yet. */
  readonly addresses: readonly PodAddressPlan[];
  readonly wantsDefault: boolean | undefined;
  readonly clusterCidrs: readonly Cidr[];
}

/**
 * Looks at the routes that a pod has through other interfaces, and makes those of this one accordingly; gives
 * what was made, and for which families the interface has a table of its own.
 */
export async function routePod(
  input: RoutePodInput,
): Promise<{ readonly routes: readonly PodRoute[]; readonly ownTables: readonly Family[] }> {
  const made: PodRoute[] = [];
  const ownTables: Family[] = [];
  for (const address of input.addresses) {
    const { family, gateway } = address;
    const others = await listOthers(input, address);
    const routing = planPodRouting({ ...input, family, gateway, others });
    made.push(...(await makeRoutes(input, address, routing)));
    if (routing.hasOwnTable) ownTables.push(family);
  }
  return { routes: made, ownTables };
}

async function listOthers(
  { rtnetlink, socket, podLinkIndex }: RoutePodInput,
  { family }: PodAddressPlan,
): Promise<readonly OtherRoute[]> {
  const payloads = await rtnetlink.dump(dumpRoutes({ family, table: RT_TABLE_MAIN }), socket);
  return payloads
    .map(parseRoute)
    .filter(({ linkIndex }) => linkIndex !== podLinkIndex)
    .map(({ destination, gateway, linkIndex, metric, protocol }) => {
      return { destination, gateway, linkIndex, metric, isOurs: protocol === ROUTE_PROTOCOL };
    });
}

async function makeRoutes(
  input: RoutePodInput,
  { family, address, gateway }: PodAddressPlan,
  { routes, metric, hasOwnTable, displaced }: PodRouting,
): Promise<readonly PodRoute[]> {
  const { rtnetlink, socket, podLinkIndex: linkIndex } = input;
  const before: NetlinkRequest[] = [appendRoute(gatewayRoute(linkIndex, gateway))];
  if (hasOwnTable) before.push(...ownTable({ linkIndex, address, gateway }));
  for (const other of displaced) {
    const payloads = await rtnetlink.dump(dumpAddresses({ family, linkIndex: other.linkIndex }), socket);
    const own = payloads.map(parseAddress).filter(({ prefixLength }) => prefixLength === addressBits(family));
    before.push(...own.flatMap((found) => ownTable({ ...other, address: found.address })));
  }
  const specs = routes.map((route) => ({ ...route, linkIndex, metric, protocol: ROUTE_PROTOCOL }));
  const isDefault = ({ destination }: PodRoute): boolean => destination.prefixLength === 0;
  const requests = specs.map((spec) => (isDefault(spec) ? prependRoute(spec) : addRoute(spec)));
  const [outcomes = []] = await rtnetlink.tryExecute([{ socket, requests: [...before, ...requests] }]);
  for (const outcome of outcomes)
    if (outcome.status === "failed" && !isAlreadyExists(outcome.error)) throw outcome.error;
  // A route that somebody else has made stays; a default route that is there already is ours.
  return routes.filter(
    (route, index) => isDefault(route) || outcomes[before.length + index]?.status === "done",
  );
}

function gatewayRoute(linkIndex: number, gateway: string, table?: number): RouteSpec {
  const destination = hostCidr(gateway);
  return { destination, linkIndex, scope: "link", protocol: ROUTE_PROTOCOL, table };
}

interface OwnTable {
  readonly linkIndex: number;
  readonly address: string;
  readonly gateway: string;
}

/**
 * Lets what has this source leave by this interface. Its table has the number of the interface, which no
 * other of the node has.
 */
export function sourceRule({ linkIndex, address }: Omit<OwnTable, "gateway">): SourceRule {
  return { source: address, table: linkIndex, priority: RULE_PRIORITY, protocol: ROUTE_PROTOCOL };
}

function ownTable({ linkIndex, address, gateway }: OwnTable): readonly NetlinkRequest[] {
  const rule = sourceRule({ linkIndex, address });
  const { table } = rule;
  return [
    addRoute(gatewayRoute(linkIndex, gateway, table)),
    addRoute({ destination: cidrOf(gateway, 0), gateway, linkIndex, protocol: ROUTE_PROTOCOL, table }),
    addRule(rule),
  ];
}
