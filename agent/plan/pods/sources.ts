import { familyOf } from "../../net/address.ts";
import { linkLocalOf } from "../../net/mac.ts";

/** What a pod may send from. */
export interface SourceBinding {
  readonly hostLink: string;
  /** The pod's addresses. */
  readonly addresses: readonly string[];
  /** MAC of the pod's interface: its kernel makes the link-local address of it. */
  readonly mac: string | undefined;
  /** The pod may send from any address: a router, or the end of a tunnel. */
  readonly anySource: boolean;
}

/** Element of a set of the guard (port-guard.ts). */
export interface SourceElement {
  readonly set: string;
  readonly hostLink: string;
  /** Undefined: any. */
  readonly address: string | undefined;
}

/** Set of host links whose pods may send from any address. */
export const ANY_SOURCE_SET = "anysource";

/** What the sets hold for one attachment. Where it has IPv6 its link-local address counts as its own. */
export function planSourceElements(binding: SourceBinding): readonly SourceElement[] {
  const { hostLink, addresses, mac, anySource } = binding;
  const hasIpv6 = addresses.some((address) => familyOf(address) === 6);
  const own = mac !== undefined && hasIpv6 ? [...addresses, linkLocalOf(mac)] : addresses;
  const elements = own.map((address): SourceElement => {
    return { set: `sources${familyOf(address)}`, hostLink, address };
  });
  return anySource ? [...elements, { set: ANY_SOURCE_SET, hostLink, address: undefined }] : elements;
}

/** As `nft` writes it and as it is read back. */
export function formatSourceElement({ hostLink, address }: SourceElement): string {
  return address === undefined ? hostLink : `${hostLink} . ${address}`;
}
