import { macToBytes } from "../../net/mac.ts";
import {
  type Attribute,
  attribute,
  nested,
  optional,
  readAttributes,
  readU32,
  readU8,
  textAttribute,
  u8Attribute,
  u32Attribute,
} from "../message/attributes.ts";
import {
  IFLA_ADDRESS,
  IFLA_BR_AGEING_TIME,
  IFLA_BR_FORWARD_DELAY,
  IFLA_BR_MCAST_SNOOPING,
  IFLA_BR_STP_STATE,
  IFLA_BRPORT_BCAST_FLOOD,
  IFLA_BRPORT_ISOLATED,
  IFLA_BRPORT_LEARNING,
  IFLA_BRPORT_MCAST_FLOOD,
  IFLA_BRPORT_MODE,
  IFLA_BRPORT_NEIGH_SUPPRESS,
  IFLA_BRPORT_UNICAST_FLOOD,
  IFLA_GROUP,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_LINKINFO,
  IFLA_MTU,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTM_NEWLINK,
} from "../constants.ts";
import { linkHeader } from "./link-header.ts";
import type { NetlinkRequest } from "../message/message.ts";

export interface BridgeSpec {
  readonly name: string;
  /** A MAC given at creation is kept: by the bridge when ports come, and by systemd's MACAddressPolicy. */
  readonly mac: string;
  /**
   * Does not count as the user's: a bridge falls back to the smallest of its ports', or 1500 without ports,
   * unless it is set later.
   */
  readonly mtu?: number | undefined;
  readonly multicastSnooping: boolean;
  readonly group?: number | undefined;
  /** How long a learned MAC lives; the kernel counts in hundredths of a second. */
  readonly ageingTimeMs?: number | undefined;
}

/**
 * A new bridge without spanning tree; EEXIST if the name is taken. VLAN filtering is off too, which is not
 * said in the message: a kernel without it (CONFIG_BRIDGE_VLAN_FILTERING) answers even "off" with EOPNOTSUPP.
 * It is down, and has to be given its `addrGenMode` and a lasting MTU (br_mtu_auto_adjust of
 * net/bridge/br_if.c) by a following `setLink`: the kernel ignores IFLA_AF_SPEC while it creates a link.
 */
export function createBridge(spec: BridgeSpec): NetlinkRequest {
  const data = nested(
    IFLA_INFO_DATA,
    u32Attribute(IFLA_BR_STP_STATE, 0),
    u32Attribute(IFLA_BR_FORWARD_DELAY, 0),
    u8Attribute(IFLA_BR_MCAST_SNOOPING, Number(spec.multicastSnooping)),
    optional(spec.ageingTimeMs, (ms) => u32Attribute(IFLA_BR_AGEING_TIME, Math.round(ms / 10))),
  );
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: [
      linkHeader({}),
      ...textAttribute(IFLA_IFNAME, spec.name),
      ...attribute(IFLA_ADDRESS, macToBytes(spec.mac)),
      ...optional(spec.mtu, (mtu) => u32Attribute(IFLA_MTU, mtu)),
      ...optional(spec.group, (group) => u32Attribute(IFLA_GROUP, group)),
      ...nested(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, "bridge"), data),
    ],
    what: `create bridge "${spec.name}"`,
  };
}

/** Flags of a bridge port, each on or off. */
const PORT_FLAGS = {
  /** Frames do not pass from one isolated port to another. */
  isolated: IFLA_BRPORT_ISOLATED,
  learning: IFLA_BRPORT_LEARNING,
  unicastFlood: IFLA_BRPORT_UNICAST_FLOOD,
  multicastFlood: IFLA_BRPORT_MCAST_FLOOD,
  broadcastFlood: IFLA_BRPORT_BCAST_FLOOD,
  /** Frames may leave through the port they came from. */
  hairpin: IFLA_BRPORT_MODE,
  neighSuppress: IFLA_BRPORT_NEIGH_SUPPRESS,
} as const;

export type BridgePortFlag = keyof typeof PORT_FLAGS;
export type BridgePort = Readonly<Partial<Record<BridgePortFlag, boolean>>>;

/** Settings of a bridge; undefined where the kernel has none of them. */
export interface BridgeSettings {
  /**
   * In hundredths of a second. Without spanning tree a port forwards at once, whatever the delay; but the
   * kernel tells of the port once more when it is over (br_forward_delay_timer_expired of
   * net/bridge/br_stp_timer.c), and whoever listens looks for what has changed.
   */
  readonly forwardDelay?: number | undefined;
  /** 0: none. */
  readonly spanningTree?: number | undefined;
  /** Whether the bridge keeps a table of who has joined which group. */
  readonly multicastSnooping?: number | undefined;
}

/** IFLA_LINKINFO of a bridge. */
export function bridgeAttribute({
  forwardDelay,
  spanningTree,
  multicastSnooping,
}: BridgeSettings): Attribute {
  return nested(
    IFLA_LINKINFO,
    textAttribute(IFLA_INFO_KIND, "bridge"),
    nested(
      IFLA_INFO_DATA,
      optional(forwardDelay, (delay) => u32Attribute(IFLA_BR_FORWARD_DELAY, delay)),
      optional(spanningTree, (state) => u32Attribute(IFLA_BR_STP_STATE, state)),
      optional(multicastSnooping, (isOn) => u8Attribute(IFLA_BR_MCAST_SNOOPING, isOn)),
    ),
  );
}

/** Reads the same from IFLA_INFO_DATA. */
export function parseBridge(data: Buffer | undefined): BridgeSettings {
  const attributes = readAttributes("bridge", data);
  return {
    forwardDelay: readU32("bridge", attributes, IFLA_BR_FORWARD_DELAY),
    spanningTree: readU32("bridge", attributes, IFLA_BR_STP_STATE),
    multicastSnooping: readU8("bridge", attributes, IFLA_BR_MCAST_SNOOPING),
  };
}

const portFlags = Object.entries(PORT_FLAGS) as readonly (readonly [BridgePortFlag, number])[];

/** IFLA_LINKINFO of a link that is already port of a bridge. */
export function bridgePortAttribute(port: BridgePort): Attribute {
  const flags = portFlags.flatMap(([name, type]) => {
    const value = port[name];
    return value === undefined ? [] : [u8Attribute(type, Number(value))];
  });
  return nested(
    IFLA_LINKINFO,
    textAttribute(IFLA_INFO_SLAVE_KIND, "bridge"),
    nested(IFLA_INFO_SLAVE_DATA, ...flags),
  );
}

/** Reads IFLA_INFO_SLAVE_DATA of a bridge port. A flag that this kernel does not know is absent. */
export function parseBridgePort(slaveData: Buffer | undefined): BridgePort {
  const attributes = readAttributes("bridge port", slaveData);
  const port: Partial<Record<BridgePortFlag, boolean>> = {};
  for (const [name, type] of portFlags) {
    const value = readU8("bridge port", attributes, type);
    if (value !== undefined) port[name] = value !== 0;
  }
  return port;
}
