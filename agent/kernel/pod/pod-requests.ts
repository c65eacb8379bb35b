import { formatBirthName } from "../../plan/pods/names/birth-name.ts";
import { cidrOf, hostCidr } from "../../net/cidr.ts";
import { LINK_GROUP } from "../../net/host-link.ts";
import { addAddress } from "../../netlink/route/address.ts";
import type { BridgePort } from "../../netlink/link/bridge.ts";
import { IN6_ADDR_GEN_MODE_NONE, RT_TABLE_LOCAL, RTN_LOCAL } from "../../netlink/constants.ts";
import { addAltNames, setLink } from "../../netlink/link/link.ts";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import { replaceFdbEntry, replaceNeighbour } from "../../netlink/route/neighbour.ts";
import { addRoute, replaceRoute, type RouteSpec } from "../../netlink/route/route.ts";
import { createVeth } from "../../netlink/link/veth.ts";
import { MAX_ALIAS_LENGTH } from "../../plan/pods/attachment.ts";
import type { PodPlan } from "../../plan/pods/pod-network.ts";
import { planSourceElements } from "../../plan/pods/sources.ts";
import { ROUTE_PROTOCOL } from "../link/ownership.ts";
import { podRoute } from "./pod-routes.ts";
import { shapingRequests } from "./shaping.ts";
import { changeSources } from "../nft/elements/source-elements.ts";

export interface PodRequestsInput {
  readonly plan: PodPlan;
  /** Index of the host end. */
  readonly linkIndex: number;
  /**
   * Index of the pod's end, in its namespace. Another one than the host end's: the kernel takes a link whose
   * peer has the same index for one without a peer, and lets it wait up to a second until it counts as up
   * (linkwatch_urgent_event of net/core/link_watch.c).
   */
  readonly podLinkIndex: number;
  /** Index of the ifb, where the pod needs one. */
  readonly ifbIndex: number;
  readonly bridgeIndex: number;
  /** Descriptor of the pod's namespace. */
  readonly netns: number;
  /** Whether this kernel has IPv6. */
  readonly hasIpv6: boolean;
  /** When this is, in milliseconds of CLOCK_MONOTONIC. */
  readonly bornMs: number;
}

/** The messages that make one attachment, in the order in which they must succeed. */
export interface PodRequests {
  /** To nftables: the addresses that the pod may send from, before it can. */
  readonly admit: readonly NetlinkRequest[];
  /** In the host's namespace: the veth with both ends. */
  readonly create: readonly NetlinkRequest[];
  /**
   * In the host's namespace: the rest of the host end, its limits, and the bridge's routes and permanent
   * entries for the pod.
   */
  readonly host: readonly NetlinkRequest[];
  /** In the pod's namespace: addresses, link up, local routes, permanent entries for the gateways. */
  readonly pod: readonly NetlinkRequest[];
  /** In the pod's namespace, for each family the route to the gateway and the default route through it. */
  readonly routes: readonly { readonly toGateway: NetlinkRequest; readonly byDefault: NetlinkRequest }[];
}

/**
 * Flags of every host link: nothing is learned or flooded, so the static forwarding entry is all that the
 * bridge knows of a pod. What a pod may send is the guard's matter (plan/ruleset.ts). A frame may leave where
 * it came from: that is how a pod reaches itself through a service where br_netfilter translates on the
 * bridge.
 */
export const PORT_FLAGS = {
  isolated: false,
  hairpin: true,
  learning: false,
  unicastFlood: false,
  multicastFlood: false,
  broadcastFlood: false,
} as const satisfies BridgePort;

/**
 * NULs behind the text, which the kernel takes for its end: so pods are of few kinds, of which each has a
 * template.
 */
const ALIAS_STEP = 64;

export function padAlias(alias: string): string {
  const length = Math.ceil(alias.length / ALIAS_STEP) * ALIAS_STEP;
  return alias.padEnd(Math.min(length, MAX_ALIAS_LENGTH), "\0");
}

/** Turns a plan into messages. Pure. */
export function podRequests(input: PodRequestsInput): PodRequests {
  const { plan, linkIndex, podLinkIndex, bridgeIndex, netns } = input;
  const { host, pod, mtu, attachment } = plan;
  const sources = planSourceElements({
    hostLink: host.link,
    addresses: attachment.addresses,
    mac: pod.mac,
    anySource: attachment.settings.anySource,
  });
  const peer = { name: pod.ifname, mac: pod.mac, mtu, index: podLinkIndex, netns };
  return {
    admit: [changeSources("add", sources)],
    create: [
      createVeth({
        host: {
          name: host.link,
          mac: host.mac,
          mtu,
          index: linkIndex,
          master: bridgeIndex,
          group: LINK_GROUP,
        },
        peer,
      }),
    ],
    host: hostRequests(input),
    pod: podSideRequests(plan, podLinkIndex),
    routes: routeRequests(plan, podLinkIndex),
  };
}

/** The alternative names of a host link, but for that of its birth. */
export function namesOf({ altNames, uidName }: PodPlan["host"]): readonly string[] {
  return uidName === undefined ? altNames : [...altNames, uidName];
}

/** The rest of the host end. */
function hostRequests(input: PodRequestsInput): PodRequests["host"] {
  const { plan, linkIndex, ifbIndex, bridgeIndex, hasIpv6, bornMs } = input;
  const { host, pod, mtu } = plan;
  const { bandwidth } = plan.attachment.settings;
  return [
    setLink(linkIndex, {
      alias: padAlias(host.alias),
      // The host end is a bridge port: an fe80:: address on it would serve nobody.
      addrGenMode: hasIpv6 ? IN6_ADDR_GEN_MODE_NONE : undefined,
      bridgePort: PORT_FLAGS,
    }),
    addAltNames(linkIndex, [...namesOf(host), formatBirthName(host.link, bornMs)]),
    // Before the link is up: no packet is to pass unlimited.
    ...shapingRequests({ bandwidth, hostLink: host.link, linkIndex, ifbIndex, mtu, hasIpv6 }),
    // A message of its own: the kernel sets flags before it looks at the settings of address families.
    setLink(linkIndex, { up: true }),
    replaceFdbEntry({ linkIndex, mac: pod.mac, owner: "master" }),
    // The neighbour first: with a route alone the host would ask the bridge who has the address.
    ...pod.addresses.flatMap(({ address }) => [
      replaceNeighbour({ linkIndex: bridgeIndex, address, mac: pod.mac }),
      replaceRoute(podRoute(bridgeIndex, address)),
    ]),
  ];
}

function podSideRequests({ pod }: PodPlan, podLinkIndex: number): PodRequests["pod"] {
  return [
    // Without duplicate address detection, which holds up a pod for a second: the pool never gives an address
    // twice.
    ...pod.addresses.map(({ address, prefixLength }) =>
      addAddress({ linkIndex: podLinkIndex, address, prefixLength, noDad: true }),
    ),
    setLink(podLinkIndex, { up: true }),
    ...pod.addresses
      .filter(({ family }) => family === 6)
      .map(({ address }) => addRoute(receivingRoute(podLinkIndex, address))),
    ...pod.addresses.map(({ gateway }) =>
      replaceNeighbour({ linkIndex: podLinkIndex, address: gateway, mac: pod.gatewayMac }),
    ),
  ];
}

/**
 * By which the pod takes packets to its address. The kernel makes one for an IPv6 address, too, but by a
 * worker (addrconf_dad_work of net/ipv6/addrconf.c), after an ADD on a busy node: until then the pod drops
 * what it is answered.
 */
function receivingRoute(linkIndex: number, address: string): RouteSpec {
  const table = RT_TABLE_LOCAL;
  return { destination: hostCidr(address), linkIndex, type: RTN_LOCAL, table, protocol: ROUTE_PROTOCOL };
}

function routeRequests({ pod }: PodPlan, podLinkIndex: number): PodRequests["routes"] {
  return pod.addresses.map(({ gateway }) => ({
    toGateway: addRoute({
      destination: hostCidr(gateway),
      linkIndex: podLinkIndex,
      scope: "link",
      protocol: ROUTE_PROTOCOL,
    }),
    byDefault: addRoute({
      destination: cidrOf(gateway, 0),
      gateway,
      linkIndex: podLinkIndex,
      protocol: ROUTE_PROTOCOL,
    }),
  }));
}
