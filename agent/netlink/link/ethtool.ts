import { genericHeader } from "../generic/generic-family.ts";
import { nested, textAttribute, u32Attribute } from "../message/attributes.ts";
import {
  ETHTOOL_A_BITSET_BIT_NAME,
  ETHTOOL_A_BITSET_BITS,
  ETHTOOL_A_BITSET_BITS_BIT,
  ETHTOOL_A_FEATURES_HEADER,
  ETHTOOL_A_FEATURES_WANTED,
  ETHTOOL_A_HEADER_DEV_INDEX,
  ETHTOOL_MSG_FEATURES_SET,
} from "../constants.ts";
import type { NetlinkRequest } from "../message/message.ts";

/**
 * Turns an offload of a link off, by its name in `ethtool -k` (Documentation/networking/ethtool-netlink.rst,
 * FEATURES_SET). `family`: the number of the generic netlink family "ethtool".
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
