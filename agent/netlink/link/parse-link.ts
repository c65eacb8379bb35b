import { __LENGTH_Link, parseLink as parseLinkHeader } from "../package.ts";
import { macFromBytes } from "../../net/mac.ts";
import {
  type Attributes,
  attributeLength,
  findAttribute,
  readAttributes,
  reading,
  readS32,
  readText,
  readTexts,
  readU8,
  readU32,
} from "../message/attributes.ts";
import { type BridgePort, type BridgeSettings, parseBridge, parseBridgePort } from "./bridge.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  IFF_RUNNING,
  IFLA_ADDRESS,
  IFLA_AF_SPEC,
  IFLA_GROUP,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INET_CONF,
  IFLA_INET6_ADDR_GEN_MODE,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_PROP_LIST,
} from "../constants.ts";
import { readS32 as readS32At } from "../message/host-order.ts";
import { type InetConf, parseInetConf } from "./inet-conf.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import { type ObservedVxlan, parseVxlan } from "./vxlan.ts";

/** A link as the kernel describes it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** "veth", "bridge", "vxlan", …; undefined for hardware and the loopback. */
  readonly kind: string | undefined;
  readonly mac: string | undefined;
  readonly mtu: number;
  /** Administratively up. */
  readonly up: boolean;
  /** The carrier is there. */
  readonly lowerUp: boolean;
  /** Leads nowhere but back: `lo`. */
  readonly loopback: boolean;
  /** Has one host at its other end, whoever a packet is for: tunnels such as WireGuard's. */
  readonly pointToPoint: boolean;
  /**
   * Tells hosts on it apart by link-layer addresses that it asks for (ARP, neighbour discovery), so that one
   * of them can be the next hop of a route. WireGuard, TUN, GRE, L3 ipvlan, VRF and dummy links do not (flags
   * of linux/if.h).
   */
  readonly hasNeighbours: boolean;
  readonly alias: string | undefined;
  /** Alternative names, by which the link can be asked for too. */
  readonly altNames: readonly string[];
  readonly masterIndex: number | undefined;
  readonly group: number;
  /** Index of the other end of a veth (IFLA_LINK), in the namespace `netnsId` if that is there. */
  readonly peerIndex: number | undefined;
  readonly netnsId: number | undefined;
  readonly bridgePort: BridgePort | undefined;
  readonly vxlan: ObservedVxlan | undefined;
  /** Of a bridge. */
  readonly bridgeSettings: BridgeSettings | undefined;
  /** IN6_ADDR_GEN_MODE_*; undefined without IPv6. */
  readonly addrGenMode: number | undefined;
  readonly inetConf: InetConf | undefined;
}

/** What tells which link it is, and whose. */
export type LinkIdentity = Pick<Link, "index" | "name" | "mac" | "alias" | "altNames" | "group">;

/** Index of a link from the payload of its message: ifi_index of struct ifinfomsg, linux/rtnetlink.h. */
export function readLinkIndex(payload: Buffer): number {
  return readS32At(payload, 4);
}

/**
 * Whether a link counts as up, carrier and all, from the payload of its message: ifi_flags of struct
 * ifinfomsg, linux/rtnetlink.h.
 */
export function isLinkRunning(payload: Buffer): boolean {
  return (readS32At(payload, 8) & IFF_RUNNING) !== 0;
}

/**
 * Name of a link, and nothing else of it: of thousands of links few are worth more. Empty when there is none.
 */
export function readLinkName(payload: Buffer): string {
  return readLinkText(payload, IFLA_IFNAME);
}

/** The same of its alias. */
export function readLinkAlias(payload: Buffer): string {
  return readLinkText(payload, IFLA_IFALIAS);
}

/** The same of its kind, as in "veth"; empty for a link that no driver of its kind has made. */
export function readLinkKind(payload: Buffer): string {
  const start = findAttribute(payload, __LENGTH_Link, IFLA_LINKINFO);
  if (start < 0) return "";
  const info = payload.subarray(start, start + attributeLength(payload, start));
  const kind = findAttribute(info, 0, IFLA_INFO_KIND);
  return kind < 0 ? "" : info.toString("latin1", kind, info.indexOf(0, kind));
}

function readLinkText(payload: Buffer, type: number): string {
  const start = findAttribute(payload, __LENGTH_Link, type);
  return start < 0 ? "" : payload.toString("latin1", start, payload.indexOf(0, start));
}

/**
 * Reads the payload of an RTM_NEWLINK or RTM_DELLINK, only what {@link Link} holds; throws {@link
 * MalformedMessageError}.
 */
export function parseLink(payload: Buffer): Link {
  const header = reading("link", () => parseLinkHeader(payload.subarray(0, __LENGTH_Link)));
  const attributes = readAttributes("link", payload.subarray(__LENGTH_Link));
  return {
    ...identityOf(payload, attributes),
    mtu: readU32("link", attributes, IFLA_MTU) ?? 0,
    up: header.flags?.up === true,
    lowerUp: header.flags?.lowerUp === true,
    ...parseReach(header.flags, attributes.get(IFLA_ADDRESS)),
    masterIndex: readU32("link", attributes, IFLA_MASTER),
    peerIndex: readU32("link", attributes, IFLA_LINK),
    netnsId: readS32("link", attributes, IFLA_LINK_NETNSID),
    ...parseLinkInfo(attributes.get(IFLA_LINKINFO)),
    // With a bridge's own view of its ports come other attributes of that name, such as VLANs.
    ...parseAfSpec(payload[0] === AF_UNSPEC ? attributes.get(IFLA_AF_SPEC) : undefined),
  };
}

/** The same of what tells links apart, which is a quarter of the work. */
export function parseLinkIdentity(payload: Buffer): LinkIdentity {
  return identityOf(payload, readAttributes("link", payload.subarray(__LENGTH_Link)));
}

function identityOf(payload: Buffer, attributes: Attributes): LinkIdentity {
  const name = readText("link", attributes, IFLA_IFNAME);
  if (name === undefined) throw new MalformedMessageError("Cannot read link: no name");
  const mac = attributes.get(IFLA_ADDRESS);
  return {
    index: readLinkIndex(payload),
    name,
    mac: mac && macFromBytes(mac),
    alias: readText("link", attributes, IFLA_IFALIAS),
    altNames: readTexts("alternative names", attributes.get(IFLA_PROP_LIST)),
    group: readU32("link", attributes, IFLA_GROUP) ?? 0,
  };
}

function parseReach(
  flags: ReturnType<typeof parseLinkHeader>["flags"],
  mac: Buffer | undefined,
): Pick<Link, "loopback" | "pointToPoint" | "hasNeighbours"> {
  const loopback = flags?.loopback === true;
  const pointToPoint = flags?.pointopoint === true;
  const asks = flags?.noarp !== true && mac !== undefined && mac.length > 0;
  return { loopback, pointToPoint, hasNeighbours: asks && !loopback && !pointToPoint };
}

function parseLinkInfo(
  linkInfo: Buffer | undefined,
): Pick<Link, "kind" | "bridgePort" | "vxlan" | "bridgeSettings"> {
  const attributes = readAttributes("link kind", linkInfo);
  const isPort = readText("link kind", attributes, IFLA_INFO_SLAVE_KIND) === "bridge";
  const kind = readText("link kind", attributes, IFLA_INFO_KIND);
  return {
    kind,
    vxlan: kind === "vxlan" ? parseVxlan(attributes.get(IFLA_INFO_DATA)) : undefined,
    bridgeSettings: kind === "bridge" ? parseBridge(attributes.get(IFLA_INFO_DATA)) : undefined,
    bridgePort: isPort ? parseBridgePort(attributes.get(IFLA_INFO_SLAVE_DATA)) : undefined,
  };
}

function parseAfSpec(afSpec: Buffer | undefined): Pick<Link, "addrGenMode" | "inetConf"> {
  const families = readAttributes("link families", afSpec);
  const inet = readAttributes("link IPv4 settings", families.get(AF_INET));
  const inet6 = readAttributes("link IPv6 settings", families.get(AF_INET6));
  const conf = inet.get(IFLA_INET_CONF);
  return {
    inetConf: conf && parseInetConf(conf),
    addrGenMode: readU8("link IPv6 settings", inet6, IFLA_INET6_ADDR_GEN_MODE),
  };
}
