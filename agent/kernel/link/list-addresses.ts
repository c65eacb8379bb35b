import { dumpAddresses, type ObservedAddress, parseAddress } from "../../netlink/route/address.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/** Addresses of one link, or of all. */
export async function listAddresses(
  rtnetlink: NetlinkClient,
  linkIndex?: number,
): Promise<ObservedAddress[]> {
  return (await rtnetlink.dump(dumpAddresses({ linkIndex }))).map(parseAddress);
}
