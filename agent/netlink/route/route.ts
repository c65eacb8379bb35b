import {
  __LENGTH_Route,
  formatRoute,
  getU32,
  parseRoute as parseRouteHeader,
  type Route as RouteStruct,
  type RouteFlags,
  RouteProtocol,
  RouteScope,
  RouteType,
} from "../package.ts";
import { addressToBytes, type Family, familyOf } from "../../net/address.ts";
import { addressBits, type Cidr, formatCidr } from "../../net/cidr.ts";
import {
  attribute,
  type Attributes,
  findAttribute,
  nested,
  optional,
  readAttributes,
  reading,
  readU32,
  u32Attribute,
} from "../message/attributes.ts";
import {
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RT_TABLE_COMPAT,
  RT_TABLE_MAIN,
  RT_TABLE_UNSPEC,
  RTA_DST,
  RTA_GATEWAY,
  RTA_IIF,
  RTA_METRICS,
  RTA_MULTIPATH,
  RTA_NH_ID,
  RTA_OIF,
  RTA_PREFSRC,
  RTA_PRIORITY,
  RTA_SRC,
  RTA_TABLE,
  RTA_VIA,
  RTAX_MTU,
  RTM_F_FIB_MATCH,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_LOCAL,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  RTNH_F_ONLINK,
} from "../constants.ts";
import { addressFrom, afOf, familyFromAf, familyToAf } from "../family.ts";
import { readS32, readU16 } from "../message/host-order.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import type { NetlinkRequest } from "../message/message.ts";
import { type Scope, scopeFromNumber, scopeToNumber } from "../scope.ts";

/** A route with at most one next hop. */
export interface RouteSpec {
  /** Length 0 for the default route. */
  readonly destination: Cidr;
  readonly gateway?: string | undefined;
  readonly linkIndex?: number | undefined;
  /** "global" if undefined. The kernel knows no scope for IPv6. */
  readonly scope?: Scope | undefined;
  /** RTPROT_*: who made it. */
  readonly protocol: number;
  /** RTN_*; RTN_UNICAST if undefined. */
  readonly type?: number | undefined;
  /** RT_TABLE_MAIN if undefined. */
  readonly table?: number | undefined;
  /** Preferred source address of what the host itself sends. */
  readonly source?: string | undefined;
  /** Priority: lower wins. The kernel takes 0 for IPv4 and 1024 for IPv6 when it is undefined. */
  readonly metric?: number | undefined;
  readonly mtu?: number | undefined;
  /** The gateway is on the link, whatever the addresses say. */
  readonly onlink?: boolean | undefined;
}

/** A route as the kernel describes it. */
export interface Route extends RouteSpec {
  readonly scope: Scope;
  readonly table: number;
  readonly onlink: boolean;
  /** RTN_UNICAST (1), or another number of linux/rtnetlink.h. */
  readonly type: number;
  /** Where it has several; `gateway` and `linkIndex` are undefined then. */
  readonly nextHops: readonly NextHop[];
  /**
   * Number of the nexthop object that it uses (`nhid`). With net.ipv4.nexthop_compat_mode=0 the kernel tells
   * no more than that.
   */
  readonly nextHopId: number | undefined;
}

/** One of the ways of a route. */
export interface NextHop {
  readonly linkIndex: number;
  /** Undefined: whoever is asked for is on the link itself. */
  readonly gateway: string | undefined;
}

interface RouteHeader extends Pick<RouteStruct, "family" | "dstLen" | "table" | "flags"> {
  readonly protocol: number;
  readonly scope?: number;
  readonly type?: number | undefined;
}

/** Next-hop flags share the word with RTM_F_*, and the package knows only those. */
const ONLINK: RouteFlags = { __unknown: RTNH_F_ONLINK };
const FIB_MATCH: RouteFlags = { __unknown: RTM_F_FIB_MATCH };

/** Types that are worth a word, as ip(8) calls them. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [RTN_LOCAL, "local "],
  [RTN_UNREACHABLE, "unreachable "],
]);

function describeRoute({ destination, gateway, type = RTN_UNICAST }: RouteSpec): string {
  const target = destination.prefixLength === 0 ? "default" : formatCidr(destination);
  const name = `${TYPES.get(type) ?? ""}route ${target}`;
  return gateway === undefined ? name : `${name} via ${gateway}`;
}

/** struct rtmsg. The package types protocol, scope and type as enums; ours may be any number. */
function routeHeader({ protocol, scope = 0, type = 0, ...header }: RouteHeader): Buffer {
  const bytes = formatRoute(header);
  bytes[5] = protocol;
  bytes[6] = scope;
  bytes[7] = type;
  return bytes;
}

function routePayload(spec: RouteSpec): Uint8Array[] {
  const { destination, gateway, linkIndex, source, metric, mtu, table = RT_TABLE_MAIN } = spec;
  return [
    routeHeader({
      family: familyToAf(destination.family),
      dstLen: destination.prefixLength,
      table: table < 256 ? table : RT_TABLE_COMPAT,
      protocol: spec.protocol,
      scope: scopeToNumber(spec.scope ?? "global"),
      type: spec.type ?? RTN_UNICAST,
      flags: spec.onlink === true ? ONLINK : {},
    }),
    ...u32Attribute(RTA_TABLE, table),
    ...(destination.prefixLength === 0 ? [] : attribute(RTA_DST, addressToBytes(destination.base))),
    ...optional(gateway, (address) => attribute(RTA_GATEWAY, addressToBytes(address))),
    ...optional(linkIndex, (index) => u32Attribute(RTA_OIF, index)),
    ...optional(source, (address) => attribute(RTA_PREFSRC, addressToBytes(address))),
    ...optional(metric, (priority) => u32Attribute(RTA_PRIORITY, priority)),
    ...optional(mtu, (bytes) => nested(RTA_METRICS, u32Attribute(RTAX_MTU, bytes))),
  ];
}

function routeRequest(type: number, flags: number, spec: RouteSpec, verb: string): NetlinkRequest {
  return { type, flags, payload: routePayload(spec), what: `${verb} ${describeRoute(spec)}` };
}

/** EEXIST if there is a route to the same destination with the same metric (IPv6: and next hop). */
export function addRoute(spec: RouteSpec): NetlinkRequest {
  return routeRequest(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, spec, "add");
}

/**
 * Adds the route before IPv4 routes with the same destination and metric, which then do not count; beside
 * those of IPv6. EEXIST if there is the same.
 */
export function prependRoute(spec: RouteSpec): NetlinkRequest {
  return routeRequest(RTM_NEWROUTE, NLM_F_CREATE, spec, "add");
}

/** Adds the route behind others with the same destination and metric. EEXIST if there is the same. */
export function appendRoute(spec: RouteSpec): NetlinkRequest {
  return routeRequest(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, spec, "add");
}

/**
 * Adds the route or takes the place of the one with the same destination, table and metric, whoever made
 * that.
 */
export function replaceRoute(spec: RouteSpec): NetlinkRequest {
  return routeRequest(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, spec, "replace");
}

/**
 * Deletes the route that agrees with everything given; ESRCH if there is none. IPv6 does not compare types.
 */
export function deleteRoute(spec: RouteSpec): NetlinkRequest {
  // Scope "nowhere" matches any scope (fib_table_delete of net/ipv4/fib_trie.c).
  return routeRequest(RTM_DELROUTE, 0, { ...spec, scope: spec.scope ?? "nowhere" }, "delete");
}

export interface RouteFilter {
  readonly family: Family;
  readonly table?: number | undefined;
  readonly protocol?: number | undefined;
  readonly linkIndex?: number | undefined;
  /** RTN_* of linux/rtnetlink.h. */
  readonly type?: number | undefined;
}

/** The kernel filters: other owners' routes, perhaps a full Internet table, are not even copied. */
export function dumpRoutes({ family, table, protocol = 0, linkIndex, type }: RouteFilter): NetlinkRequest {
  return {
    type: RTM_GETROUTE,
    flags: NLM_F_DUMP,
    payload: [
      routeHeader({ family: familyToAf(family), protocol, type }),
      ...optional(table, (number) => u32Attribute(RTA_TABLE, number)),
      ...optional(linkIndex, (index) => u32Attribute(RTA_OIF, index)),
    ],
    what: `list IPv${family} routes`,
    emptyOn: "ENOENT",
  };
}

/** A packet whose way is asked for. */
export interface RouteQuestion {
  readonly destination: string;
  /** Source of the packet; needed with `inputLink`. */
  readonly source?: string | undefined;
  /** Index of the link through which it comes in; undefined: the host itself sends it. */
  readonly inputLink?: number | undefined;
}

/**
 * Asks the kernel which way a packet takes. "way" gives next hop, link and source for this packet, "entry"
 * the table entry that decides. What the kernel would refuse is an error: ENETUNREACH no route, EHOSTUNREACH
 * forwarding is off (IPv4) or the route says so, EXDEV reverse path filter, EINVAL blackhole or a martian
 * source.
 */
export function getRoute(question: RouteQuestion, kind: "lookup" | "entry" = "lookup"): NetlinkRequest {
  const { destination, source, inputLink } = question;
  const bits = addressBits(familyOf(destination));
  const header = routeHeader({
    family: afOf(destination),
    dstLen: bits,
    protocol: 0,
    flags: kind === "entry" ? FIB_MATCH : {},
  });
  // Byte 2 of struct rtmsg, rtm_src_len.
  if (source !== undefined) header[2] = bits;
  return {
    type: RTM_GETROUTE,
    flags: 0,
    payload: [
      header,
      ...attribute(RTA_DST, addressToBytes(destination)),
      ...optional(source, (address) => attribute(RTA_SRC, addressToBytes(address))),
      ...optional(inputLink, (index) => u32Attribute(RTA_IIF, index)),
    ],
    what: `find a route to ${destination}`,
  };
}

/** Reads the payload of an RTM_NEWROUTE or RTM_DELROUTE; throws MalformedMessageError. */
export function parseRoute(payload: Buffer): Route {
  const header = reading("route", () => parseRouteHeader(payload.subarray(0, __LENGTH_Route)));
  const attributes = readAttributes("route", payload.subarray(__LENGTH_Route));
  const family = familyFromAf("route", header.family);
  const base = addressFrom("route", family, attributes.get(RTA_DST)) ?? (family === 4 ? "0.0.0.0" : "::");
  const metrics = readAttributes("route metrics", attributes.get(RTA_METRICS));
  return {
    destination: { family, base, prefixLength: header.dstLen ?? 0 },
    gateway: gatewayFrom(family, attributes),
    linkIndex: readU32("route", attributes, RTA_OIF),
    scope: scopeFromNumber(numberOf(RouteScope, header.scope)),
    protocol: numberOf(RouteProtocol, header.protocol),
    table: readU32("route", attributes, RTA_TABLE) ?? header.table ?? RT_TABLE_UNSPEC,
    source: addressFrom("route", family, attributes.get(RTA_PREFSRC)),
    metric: readU32("route", attributes, RTA_PRIORITY),
    mtu: readU32("route metrics", metrics, RTAX_MTU),
    onlink: (getU32(payload.subarray(8, 12)) & RTNH_F_ONLINK) !== 0,
    type: numberOf(RouteType, header.type),
    nextHops: parseNextHops(family, attributes.get(RTA_MULTIPATH)),
    nextHopId: readU32("route", attributes, RTA_NH_ID),
  };
}

/** What tells kinds of routes apart, without addresses. */
export interface RouteOutline {
  readonly prefixLength: number;
  /** RTN_* of linux/rtnetlink.h. */
  readonly type: number;
  readonly hasGateway: boolean;
  /** 0 without one. */
  readonly linkIndex: number;
}

/**
 * Reads a few bytes of an RTM_NEWROUTE: to count thousands of routes must not cost what reading them does.
 * Fields of struct rtmsg, linux/rtnetlink.h.
 */
export function readRouteOutline(payload: Buffer): RouteOutline {
  const find = (attributeType: number): number => findAttribute(payload, __LENGTH_Route, attributeType);
  const link = find(RTA_OIF);
  return {
    prefixLength: payload[1] ?? 0,
    type: payload[7] ?? 0,
    hasGateway: find(RTA_GATEWAY) >= 0 || find(RTA_VIA) >= 0,
    linkIndex: link < 0 ? 0 : readS32(payload, link),
  };
}

/** A next hop of the route's own family, or of the other one: struct rtvia of linux/rtnetlink.h. */
function gatewayFrom(family: Family, attributes: Attributes): string | undefined {
  const via = attributes.get(RTA_VIA);
  if (via === undefined) return addressFrom("route", family, attributes.get(RTA_GATEWAY));
  return addressFrom("next hop", familyFromAf("next hop", readU16(via, 0)), via.subarray(2));
}

/** struct rtnexthop of linux/rtnetlink.h: length with its attributes, flags, weight, index of the link. */
const NEXT_HOP_BYTES = 8;

function parseNextHops(family: Family, bytes: Buffer | undefined): readonly NextHop[] {
  const hops: NextHop[] = [];
  if (bytes === undefined) return hops;
  for (let offset = 0; offset < bytes.length; ) {
    const length = offset + NEXT_HOP_BYTES > bytes.length ? 0 : readU16(bytes, offset);
    if (length < NEXT_HOP_BYTES || offset + length > bytes.length)
      throw new MalformedMessageError(
        `Cannot read next hops: ${length} bytes at byte ${offset} of ${bytes.length}`,
      );
    const attributes = readAttributes("next hop", bytes.subarray(offset + NEXT_HOP_BYTES, offset + length));
    const linkIndex = getU32(bytes.subarray(offset + 4, offset + 8));
    hops.push({ linkIndex, gateway: gatewayFrom(family, attributes) });
    offset += (length + 3) & ~3;
  }
  return hops;
}

/** The package reads known numbers as names. */
function numberOf(names: Readonly<Record<string, string | number>>, value: string | number = 0): number {
  return typeof value === "number" ? value : Number(names[value]);
}
