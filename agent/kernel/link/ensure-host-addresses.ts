import { familyOf } from "../../net/address.ts";
import { addressBits } from "../../net/cidr.ts";
import { type AddressSpec, deleteAddress, replaceAddress } from "../../netlink/route/address.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { removeAll } from "../socket/remove-all.ts";
import { listAddresses } from "./list-addresses.ts";

export interface HostAddressesInput {
  /** The link in words, for what was not as planned. */
  readonly device: string;
  readonly linkIndex: number;
  readonly addresses: readonly string[];
}

/**
 * Gives a tunnel exactly these addresses, and tells what was otherwise. Host prefixes: nobody is asked for on
 * the device, and its routes are the agent's own.
 */
export async function ensureHostAddresses(
  rtnetlink: NetlinkClient,
  { device, linkIndex, addresses }: HostAddressesInput,
): Promise<readonly string[]> {
  const observed = (await listAddresses(rtnetlink, linkIndex)).filter(({ scope }) => scope === "global");
  const wanted = addresses.map((address) => {
    return {
      linkIndex,
      address,
      prefixLength: addressBits(familyOf(address)),
      noDad: true,
      noPrefixRoute: true,
    };
  });
  const isSame = (a: AddressSpec, b: AddressSpec): boolean =>
    a.address === b.address && a.prefixLength === b.prefixLength;
  const missing = wanted.filter((spec) => !observed.some((found) => isSame(spec, found)));
  const surplus = observed.filter((found) => !wanted.some((spec) => isSame(spec, found)));
  if (missing.length > 0) await rtnetlink.execute([{ requests: missing.map(replaceAddress) }]);
  await removeAll(rtnetlink, surplus.map(deleteAddress));
  return [
    ...missing.map(({ address }) => `${device} lacks address ${address}`),
    ...surplus.map(({ address }) => `${device} has unexpected address ${address}`),
  ];
}
