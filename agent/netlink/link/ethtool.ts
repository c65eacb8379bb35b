import { getU16 } from "../package.ts";
import { nested, readAttributes, reading, textAttribute, u32Attribute } from "../message/attributes.ts";
import {
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_CMD_GETFAMILY,
  ETHTOOL_A_BITSET_BIT_NAME,
  ETHTOOL_A_BITSET_BITS,
  ETHTOOL_A_BITSET_BITS_BIT,
  ETHTOOL_A_FEATURES_HEADER,
  ETHTOOL_A_FEATURES_WANTED,
  ETHTOOL_A_HEADER_DEV_INDEX,
  ETHTOOL_MSG_FEATURES_SET,
  GENL_ID_CTRL,
} from "../constants.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import type { NetlinkRequest } from "../message/message.ts";

/** struct genlmsghdr of linux/genetlink.h: command, version, reserved. */
const GENL_HEADER_BYTES = 4;

function genericHeader(command: number): Buffer {
  return Buffer.of(command, 1, 0, 0);
}

/**
 * Asks for the number of the generic netlink family "ethtool", which the kernel chooses when it starts;
 * ENOENT without one.
 */
export function getEthtoolFamily(): NetlinkRequest {
  return {
    type: GENL_ID_CTRL,
    flags: 0,
    payload: [genericHeader(CTRL_CMD_GETFAMILY), ...textAttribute(CTRL_ATTR_FAMILY_NAME, "ethtool")],
    what: 'find generic netlink family "ethtool"',
  };
}

/** Reads the payload of the answer; throws {@link MalformedMessageError}. */
export function parseFamily(payload: Buffer): number {
  const what = "generic netlink family";
  const id = readAttributes(what, payload.subarray(GENL_HEADER_BYTES)).get(CTRL_ATTR_FAMILY_ID);
  if (id === undefined) throw new MalformedMessageError(`Cannot read ${what}: no number`);
  return reading(what, () => getU16(id));
}

/**
 * Turns an offload of a link off, by its name in `ethtool -k` (Documentation/networking/ethtool-netlink.rst,
 * FEATURES_SET).
 */
export function disableFeature(family: number, linkIndex: number, feature: string): NetlinkRequest {
  const bit = nested(ETHTOOL_A_BITSET_BITS_BIT, textAttribute(ETHTOOL_A_BITSET_BIT_NAME, feature));
  return {
    type: family,
    flags: 0,
    payload: [
      genericHeader(ETHTOOL_MSG_FEATURES_SET),
      ...nested(ETHTOOL_A_FEATURES_HEADER, u32Attribute(ETHTOOL_A_HEADER_DEV_INDEX, linkIndex)),
      // A bit that is named without a value is to be off.
      ...nested(ETHTOOL_A_FEATURES_WANTED, nested(ETHTOOL_A_BITSET_BITS, bit)),
    ],
    what: `turn ${feature} of link ${linkIndex} off`,
  };
}
