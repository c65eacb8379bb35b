import { addressBits, formatCidr } from "../../net/cidr.ts";
import { deleteAddress, type ObservedAddress, replaceAddress } from "../../netlink/route/address.ts";
import { RT_TABLE_LOCAL, RT_TABLE_MAIN } from "../../netlink/constants.ts";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { deleteRoute, replaceRoute, type Route, type RouteSpec } from "../../netlink/route/route.ts";
import { parseAlias } from "../../plan/pods/attachment.ts";
import { gatewayRoutes, isGatewayRoute, podCidrOf } from "./gateway-routes.ts";
import type { GatewayAddress } from "../../plan/node/node-network.ts";
import { removeAll } from "../socket/remove-all.ts";
import type { Change } from "../types.ts";
import { listAddresses } from "../link/list-addresses.ts";
import { POD_ROUTE_PROTOCOL } from "../link/ownership.ts";
import { listOwnRoutes, podRoute } from "../pod/pod-routes.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

export interface GatewaysInput {
  readonly gateways: readonly GatewayAddress[];
  readonly linkIndex: number;
  /** The host links that pods have now. */
  readonly listPorts: () => Promise<readonly Link[]>;
}

/** A gateway as the kernel has it. */
export type PodGateway = Pick<ObservedAddress, "address" | "prefixLength" | "deprecated">;

/**
 * Gateways of the bridge, as they must be: host prefixes, and the routes of their PodCIDRs. Each step leaves
 * every pod with its gateway and a way.
 */
export async function ensureGateways(
  rtnetlink: NetlinkClient,
  { gateways, linkIndex, listPorts }: GatewaysInput,
): Promise<readonly Change[]> {
  const observed = await listGateways(rtnetlink, linkIndex);
  const known = [...(await listOwnRoutes(rtnetlink)), ...(await listOwnRoutes(rtnetlink, RT_TABLE_LOCAL))];
  const routes = diffRoutes(gateways, known.filter(isGatewayRoute), linkIndex);
  const addresses = diffAddresses(gateways, observed, linkIndex);
  // A release before this one had the whole PodCIDR on the bridge: pods that run get their own routes before
  // that goes.
  const pods = observed.some(isWide) ? await podRoutes(linkIndex, listPorts) : [];
  const added = [...routes.missing.map(replaceRoute), ...addresses];
  // Two steps: if one pod cannot have its route, the address that it depends on stays.
  const steps = [pods, added].filter((requests) => requests.length > 0);
  if (steps.length > 0) await rtnetlink.execute(steps.map((requests) => ({ requests })));
  const surplus = routes.surplus.map(deleteRoute);
  await removeAll(rtnetlink, surplus);
  const changeOf = ({ what }: NetlinkRequest): Change => {
    return { kind: addresses.some((request) => request.what === what) ? "address" : "route", fault: what };
  };
  return [...added, ...surplus].map(changeOf);
}

/** Addresses of the bridge that are no link's own, as the kernel has them. */
export async function listGateways(
  rtnetlink: NetlinkClient,
  linkIndex: number,
): Promise<readonly ObservedAddress[]> {
  return (await listAddresses(rtnetlink, linkIndex)).filter(({ scope }) => scope === "global");
}

/** The same with the lengths of their PodCIDRs, as far as routes tell them. */
export async function listPodGateways(
  rtnetlink: NetlinkClient,
  linkIndex: number,
): Promise<readonly PodGateway[]> {
  const addresses = await listGateways(rtnetlink, linkIndex);
  if (addresses.every(isWide)) return addresses;
  const routes = await listOwnRoutes(rtnetlink);
  return addresses.map((found) => {
    const { address, deprecated } = found;
    const cidr = isWide(found) ? undefined : podCidrOf(address, routes);
    return { address, prefixLength: cidr?.prefixLength ?? found.prefixLength, deprecated };
  });
}

/** Whether an address has others of its prefix beside it on the link. */
export function isWide({ address, prefixLength }: PodGateway): boolean {
  return prefixLength < addressBits(address.includes(":") ? 6 : 4);
}

async function podRoutes(
  linkIndex: number,
  listPorts: GatewaysInput["listPorts"],
): Promise<readonly NetlinkRequest[]> {
  const addresses = (await listPorts()).flatMap(({ alias = "" }) => parseAlias(alias)?.addresses ?? []);
  return addresses.map((address) => replaceRoute(podRoute(linkIndex, address)));
}

/**
 * What is missing is added before what is unexpected is removed; only an IPv6 address of another length
 * stands in the way of its successor.
 */
function diffAddresses(
  gateways: readonly GatewayAddress[],
  observed: readonly ObservedAddress[],
  linkIndex: number,
): readonly NetlinkRequest[] {
  const wanted = gateways.map(({ family, address, deprecated }) => {
    return { linkIndex, address, prefixLength: addressBits(family), deprecated, noDad: true };
  });
  type Sized = Pick<ObservedAddress, "address" | "prefixLength">;
  const isSame = (one: Sized, other: Sized): boolean =>
    one.address === other.address && one.prefixLength === other.prefixLength;
  const missing = wanted.filter((spec) =>
    observed.every((found) => !isSame(spec, found) || found.deprecated !== spec.deprecated),
  );
  const surplus = observed.filter((found) => !wanted.some((spec) => isSame(spec, found)));
  const isInTheWay = ({ address }: ObservedAddress): boolean =>
    address.includes(":") && missing.some((spec) => spec.address === address);
  const deletion = ({ address, prefixLength }: ObservedAddress): NetlinkRequest =>
    deleteAddress({ linkIndex, address, prefixLength });
  return [
    ...surplus.filter(isInTheWay).map(deletion),
    ...missing.map(replaceAddress),
    ...surplus.filter((found) => !isInTheWay(found)).map(deletion),
  ];
}

function diffRoutes(
  gateways: readonly GatewayAddress[],
  known: readonly Route[],
  linkIndex: number,
): { readonly missing: readonly RouteSpec[]; readonly surplus: readonly RouteSpec[] } {
  const planned = gateways.flatMap((gateway) =>
    gatewayRoutes(gateway, { linkIndex, protocol: POD_ROUTE_PROTOCOL }),
  );
  const key = ({ destination, table = RT_TABLE_MAIN, type }: RouteSpec): string =>
    `${formatCidr(destination)} ${table} ${type}`;
  const found = new Set(known.map(key));
  const wanted = new Set(planned.map(key));
  return {
    missing: planned.filter((route) => !found.has(key(route))),
    surplus: known.filter((route) => !wanted.has(key(route))),
  };
}
