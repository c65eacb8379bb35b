import { getU16 } from "../package.ts";
import { readAttributes, reading, textAttribute } from "../message/attributes.ts";
import {
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_CMD_GETFAMILY,
  GENL_ID_CTRL,
} from "../constants.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import type { NetlinkRequest } from "../message/message.ts";

/** NETLINK_GENERIC of linux/netlink.h. */
export const NETLINK_GENERIC = 16;

/** struct genlmsghdr of linux/genetlink.h: command, version, reserved. */
export const GENERIC_HEADER_BYTES = 4;

/** Version 1 is the one of all families that are spoken here. */
export function genericHeader(command: number): Buffer {
  return Buffer.of(command, 1, 0, 0);
}

/**
 * Asks for the number of a generic netlink family, which the kernel chooses when the family is registered.
 * The kernel loads the family's module if it can; ENOENT without one.
 */
export function getFamily(name: string): NetlinkRequest {
  return {
    type: GENL_ID_CTRL,
    flags: 0,
    payload: [genericHeader(CTRL_CMD_GETFAMILY), ...textAttribute(CTRL_ATTR_FAMILY_NAME, name)],
    what: `find generic netlink family "${name}"`,
  };
}

/** Reads the payload of the answer; throws {@link MalformedMessageError}. */
export function parseFamily(payload: Buffer): number {
  const what = "generic netlink family";
  const id = readAttributes(what, payload.subarray(GENERIC_HEADER_BYTES)).get(CTRL_ATTR_FAMILY_ID);
  if (id === undefined) throw new MalformedMessageError(`Cannot read ${what}: no number`);
  return reading(what, () => getU16(id));
}
