/** Size of struct nfgenmsg of linux/netfilter/nfnetlink.h. */
export const NFGENMSG_BYTES = 4;

/** Family of the addresses, version 0, and a resource in network order. */
export function nfgenmsg(family: number, resource = 0): Uint8Array {
  return Uint8Array.of(family, 0, resource >>> 8, resource & 0xff);
}
