import { addressFromBytes, addressToBytes, familyOf } from "../../net/address.ts";
import { macToBytes } from "../../net/mac.ts";
import {
  attribute,
  type Attributes,
  nested,
  readAttributes,
  reading,
  readU8,
  readU32,
  textAttribute,
  u8Attribute,
  u16NetworkAttribute,
  u32Attribute,
} from "../message/attributes.ts";
import {
  IFLA_ADDRESS,
  IFLA_GROUP,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MTU,
  IFLA_VXLAN_COLLECT_METADATA,
  IFLA_VXLAN_GBP,
  IFLA_VXLAN_GPE,
  IFLA_VXLAN_ID,
  IFLA_VXLAN_LEARNING,
  IFLA_VXLAN_LOCAL,
  IFLA_VXLAN_LOCAL6,
  IFLA_VXLAN_PORT,
  IFLA_VXLAN_REMCSUM_RX,
  IFLA_VXLAN_UDP_ZERO_CSUM6_RX,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTM_NEWLINK,
} from "../constants.ts";
import { linkHeader } from "./link-header.ts";
import type { NetlinkRequest } from "../message/message.ts";

/** What makes two VXLAN devices speak to each other, and where one sends from. */
export interface Vxlan {
  readonly vni: number;
  /** UDP port of the other side, on which the device listens too. */
  readonly port: number;
  /** Source address of the outer header; its family is that of the whole device. */
  readonly local: string;
  /** Whether MACs are learned from what arrives. */
  readonly learning: boolean;
}

export interface VxlanSpec extends Vxlan {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly group?: number | undefined;
}

/**
 * A VXLAN device that is bound to no lower link, so that outer packets follow the routes; EEXIST if the name,
 * or the number on this port and family, is taken. It is down.
 */
export function createVxlan(spec: VxlanSpec): NetlinkRequest {
  const local = familyOf(spec.local) === 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6;
  const data = nested(
    IFLA_INFO_DATA,
    u32Attribute(IFLA_VXLAN_ID, spec.vni),
    attribute(local, addressToBytes(spec.local)),
    u8Attribute(IFLA_VXLAN_LEARNING, Number(spec.learning)),
    u16NetworkAttribute(IFLA_VXLAN_PORT, spec.port),
  );
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: [
      linkHeader({}),
      ...textAttribute(IFLA_IFNAME, spec.name),
      ...attribute(IFLA_ADDRESS, macToBytes(spec.mac)),
      ...u32Attribute(IFLA_MTU, spec.mtu),
      ...(spec.group === undefined ? [] : u32Attribute(IFLA_GROUP, spec.group)),
      ...nested(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, "vxlan"), data),
    ],
    what: `create VXLAN device "${spec.name}"`,
  };
}

/** A VXLAN device as the kernel describes it: one of somebody else may have no fixed source address. */
export interface ObservedVxlan extends Omit<Vxlan, "local"> {
  readonly local: string | undefined;
  /**
   * What it does otherwise with what it receives, in the words of ip-link(8): its UDP socket is shared with
   * devices only that do the same.
   */
  readonly receives: readonly string[];
}

/** VXLAN_F_RCV_FLAGS of net/vxlan.h. An attribute without value is a flag that is set by being there. */
const RECEIVING = [
  ["external", IFLA_VXLAN_COLLECT_METADATA],
  ["gbp", IFLA_VXLAN_GBP],
  ["gpe", IFLA_VXLAN_GPE],
  ["udp6zerocsumrx", IFLA_VXLAN_UDP_ZERO_CSUM6_RX],
  ["remcsumrx", IFLA_VXLAN_REMCSUM_RX],
] as const;

function parseReceiving(attributes: Attributes): readonly string[] {
  return RECEIVING.filter(([, type]) => {
    const value = attributes.get(type);
    return value !== undefined && (value.length === 0 || value[0] !== 0);
  }).map(([name]) => name);
}

/** Reads IFLA_INFO_DATA of a VXLAN device; undefined without a port. */
export function parseVxlan(data: Buffer | undefined): ObservedVxlan | undefined {
  const attributes = readAttributes("VXLAN device", data);
  const local = attributes.get(IFLA_VXLAN_LOCAL) ?? attributes.get(IFLA_VXLAN_LOCAL6);
  const port = attributes.get(IFLA_VXLAN_PORT);
  if (port?.length !== 2) return undefined;
  return {
    vni: readU32("VXLAN device", attributes, IFLA_VXLAN_ID) ?? 0,
    port: port.readUInt16BE(0),
    local: local && reading("VXLAN device", () => addressFromBytes(local)),
    learning: readU8("VXLAN device", attributes, IFLA_VXLAN_LEARNING) === 1,
    receives: parseReceiving(attributes),
  };
}
