import { getFamily, parseFamily } from "../../netlink/generic/generic-family.ts";
import { parseDevice } from "../../netlink/wireguard/parse-device.ts";
import { dumpDevice, WIREGUARD_FAMILY } from "../../netlink/wireguard/set-device.ts";
import type { WireGuardState } from "../../plan/encryption/wireguard.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { readOne } from "../socket/read-one.ts";
import { WireGuardMissingError } from "./wireguard-kernel.ts";

/** Number of the family; undefined on a kernel without WireGuard. Another one when its module comes again. */
function findFamily(generic: NetlinkClient): Promise<number | undefined> {
  return readOne(generic, getFamily(WIREGUARD_FAMILY), parseFamily);
}

export async function requireFamily(generic: NetlinkClient, action: string): Promise<number> {
  const family = await findFamily(generic);
  if (family === undefined) throw new WireGuardMissingError(action);
  return family;
}

/** Undefined without the device. */
export async function readDevice(generic: NetlinkClient, name: string): Promise<WireGuardState | undefined> {
  const family = await findFamily(generic);
  return family === undefined ? undefined : parseDevice(await generic.dump(dumpDevice({ family, name })));
}
