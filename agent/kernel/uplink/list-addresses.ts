import { dumpAddresses, type ObservedAddress, parseAddress } from "../../netlink/route/address.ts";
import type { Rtnetlink } from "../socket/rtnetlink.ts";

/** Addresses of one link, or of all. */
export async function listAddresses(rtnetlink: Rtnetlink, linkIndex?: number): Promise<ObservedAddress[]> {
  return (await rtnetlink.dump(dumpAddresses({ linkIndex }))).map(parseAddress);
}
