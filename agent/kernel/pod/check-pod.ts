import { addressBits, type Cidr, formatCidr } from "../../net/cidr.ts";
import { dumpAddresses, parseAddress } from "../../netlink/route/address.ts";
import { RT_TABLE_MAIN } from "../../netlink/constants.ts";
import { getNeighbour, parseNeighbour } from "../../netlink/route/neighbour.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { dumpRoutes, parseRoute } from "../../netlink/route/route.ts";
import { dumpRules, parseRule } from "../../netlink/route/rule.ts";
import { ifbName } from "../../plan/pods/ifb.ts";
import type { PodAddressPlan, PodPlan } from "../../plan/pods/pod-network.ts";
import type { PodRoute } from "../../plan/pods/pod-routing.ts";
import { ownTableName } from "../../plan/pods/pod-settings.ts";
import type { Faults } from "../types.ts";
import { namesOf, PORT_FLAGS } from "./pod-requests.ts";
import { observeShaping, planShapingRepairs } from "./shaping.ts";
import { listPodRoutes } from "./pod-routes.ts";
import { listFdb } from "../link/list-neighbours.ts";
import { findLink, readOne } from "../socket/read-one.ts";
import { sourceRule } from "./route-pod.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

export interface CheckContext {
  readonly rtnetlink: NetlinkClient;
  readonly bridgeIndex: number;
  /** rtnetlink socket inside the pod's namespace. */
  readonly socket: number;
  /** Those that the ADD has made in the pod. */
  readonly routes: readonly PodRoute[];
}

/** What of one attachment is not as planned. The host's side and the pod's side are read at the same time. */
export async function checkPod(context: CheckContext, plan: PodPlan): Promise<Faults> {
  const link = await findLink(context.rtnetlink, plan.host.link);
  if (link === undefined) return [`host link "${plan.host.link}" is missing`];
  const missing = namesOf(plan.host).filter((name) => !link.altNames.includes(name));
  const names = missing.map((name) => `host link "${link.name}" has lost its name "${name}"`);
  const mtu = plan.mtu > 0 ? plan.mtu : link.mtu;
  const hasOwnTable = ({ family }: PodAddressPlan): boolean =>
    link.altNames.includes(ownTableName(link.name, family));
  const [host, pod] = await Promise.all([
    checkHost(context, plan, link),
    checkInside(context, plan, { mtu, hasOwnTable }),
  ]);
  return [...names, ...host, ...(await checkShaping(context, plan, link)), ...pod];
}

async function checkShaping(
  { rtnetlink }: CheckContext,
  { attachment }: PodPlan,
  link: Link,
): Promise<Faults> {
  const { bandwidth } = attachment.settings;
  if (bandwidth.ingress === undefined && bandwidth.egress === undefined) return [];
  const ifb = await findLink(rtnetlink, ifbName(link.name));
  const observed = await observeShaping(rtnetlink, [{ link, bandwidth }], ifb === undefined ? [] : [ifb]);
  return observed.flatMap((shaping) => planShapingRepairs(shaping, () => 0)).map(({ fault }) => fault);
}

async function checkHost(
  { rtnetlink, bridgeIndex }: CheckContext,
  plan: PodPlan,
  link: Link,
): Promise<Faults> {
  const name = `host link "${link.name}"`;
  const faults = diffPort(link, bridgeIndex).map((fault) => `${name} ${fault}`);
  const entries = await listFdb(rtnetlink, { linkIndex: link.index });
  if (!entries.some(({ mac, fixed }) => mac === plan.pod.mac && fixed)) {
    faults.push(`forwarding entry ${plan.pod.mac} of ${name} is missing`);
  }
  const routes = await listPodRoutes(rtnetlink, bridgeIndex);
  for (const { address } of plan.pod.addresses) {
    if (!routes.some(({ destination }) => destination.base === address))
      faults.push(`route to pod ${address} is missing`);
    faults.push(
      ...(await checkNeighbour({
        rtnetlink,
        linkIndex: bridgeIndex,
        address,
        mac: plan.pod.mac,
        where: "bridge",
      })),
    );
  }
  return faults;
}

const PORT_FLAGS_ENTRIES = Object.entries(PORT_FLAGS) as readonly (readonly [
  keyof typeof PORT_FLAGS,
  boolean,
])[];

/** What of a host link is not as every host link of ours must be. */
export function diffPort({ alias, up, masterIndex, bridgePort = {} }: Link, bridgeIndex: number): string[] {
  const wrongFlags = PORT_FLAGS_ENTRIES.filter(([flag, value]) => bridgePort[flag] !== value);
  return [
    ...(alias === undefined ? ["has lost its alias"] : []),
    ...(up ? [] : ["is down"]),
    ...(masterIndex === bridgeIndex
      ? wrongFlags.map(([flag, value]) => `has port flag ${flag} ${value ? "off" : "on"}`)
      : ["is not a port of the bridge"]),
  ];
}

async function checkInside(
  context: CheckContext,
  { pod }: PodPlan,
  { mtu, hasOwnTable }: { readonly mtu: number; readonly hasOwnTable: (address: PodAddressPlan) => boolean },
): Promise<Faults> {
  const { rtnetlink, socket } = context;
  const link = await findLink(rtnetlink, pod.ifname, socket);
  const name = `pod interface "${pod.ifname}"`;
  if (link === undefined) return [`${name} is missing`];
  const faults = [
    ...(link.up ? [] : [`${name} is down`]),
    ...(link.mac === pod.mac ? [] : [`${name} has MAC ${link.mac} instead of ${pod.mac}`]),
    // A later plugin may have made it smaller, and the reference `tuning` does not tell.
    ...(link.mtu <= mtu ? [] : [`${name} has MTU ${link.mtu} instead of ${mtu}`]),
  ];
  const addresses = (await rtnetlink.dump(dumpAddresses({ linkIndex: link.index }), socket)).map(
    parseAddress,
  );
  for (const { address, prefixLength } of pod.addresses) {
    if (addresses.some((found) => found.address === address && found.prefixLength === prefixLength)) continue;
    faults.push(`address ${address}/${prefixLength} of ${name} is missing`);
  }
  for (const address of pod.addresses) {
    faults.push(...(await checkRoutes(context, address)));
    if (hasOwnTable(address)) faults.push(...(await checkOwnTable(context, address, link.index)));
    const { gateway } = address;
    const entry = {
      rtnetlink,
      linkIndex: link.index,
      address: gateway,
      mac: pod.gatewayMac,
      where: name,
      socket,
    };
    faults.push(...(await checkNeighbour(entry)));
  }
  return faults;
}

/**
 * The default route may by now lead elsewhere, through a later plugin's interface: only that there is one is
 * ours to ask.
 */
async function checkRoutes(
  { rtnetlink, socket, routes }: CheckContext,
  { family, gateway }: PodAddressPlan,
): Promise<Faults> {
  const payloads = await rtnetlink.dump(dumpRoutes({ family, table: RT_TABLE_MAIN }), socket);
  const found = payloads.map((payload) => parseRoute(payload).destination);
  const has = (base: string, prefixLength: number): boolean =>
    found.some((destination) => destination.base === base && destination.prefixLength === prefixLength);
  const missing = routes
    .map(({ destination }) => destination)
    .filter((to) => to.family === family && !has(to.base, to.prefixLength));
  return [
    ...(has(gateway, addressBits(family)) ? [] : [`route to gateway ${gateway} is missing`]),
    ...missing.map((to) => `${describeRoute(to)} is missing`),
  ];
}

function describeRoute(destination: Cidr): string {
  return destination.prefixLength === 0
    ? `IPv${destination.family} default route`
    : `route to ${formatCidr(destination)}`;
}

/** What lets answers of an address leave by their interface although the pod has others. */
async function checkOwnTable(
  { rtnetlink, socket }: CheckContext,
  { family, address }: PodAddressPlan,
  linkIndex: number,
): Promise<Faults> {
  const { table } = sourceRule({ linkIndex, address });
  const rules = (await rtnetlink.dump(dumpRules(family), socket)).map(parseRule);
  const routes = (await rtnetlink.dump(dumpRoutes({ family, table }), socket)).map(parseRoute);
  const hasRule = rules.some((rule) => rule.source === address && rule.table === table);
  const hasRoute = routes.some((route) => route.table === table && route.destination.prefixLength === 0);
  return [
    ...(hasRule ? [] : [`rule from ${address} to table ${table} is missing`]),
    ...(hasRoute ? [] : [`IPv${family} default route of table ${table} is missing`]),
  ];
}

interface NeighbourCheck {
  readonly rtnetlink: NetlinkClient;
  readonly linkIndex: number;
  readonly address: string;
  readonly mac: string;
  readonly where: string;
  readonly socket?: number;
}

async function checkNeighbour({
  rtnetlink,
  linkIndex,
  address,
  mac,
  where,
  socket,
}: NeighbourCheck): Promise<Faults> {
  const entry = await readOne(rtnetlink, getNeighbour({ linkIndex, address }), parseNeighbour, socket);
  if (entry === undefined || !entry.permanent)
    return [`permanent neighbour ${address} of ${where} is missing`];
  return entry.mac === mac ? [] : [`neighbour ${address} of ${where} is at ${entry.mac} instead of ${mac}`];
}
