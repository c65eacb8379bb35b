import { NETLINK_GENERIC } from "../../netlink/generic/generic-family.ts";
import type { WireGuardState } from "../../plan/encryption/wireguard.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { readDevice } from "../wireguard/read-device.ts";

/** A WireGuard device with its peers, for those who ask without an agent; undefined without one. */
export async function readWireGuard(name: string): Promise<WireGuardState | undefined> {
  const generic = createNetlinkClient(loadNative(), NETLINK_GENERIC);
  try {
    return await readDevice(generic, name);
  } finally {
    generic.close();
  }
}
