import { fnv1a64 } from "./fnv1a.ts";

/** Every host end of a veth that is ours begins with this. */
export const HOST_LINK_PREFIX = "cw";

/**
 * Link group of everything that we make ("cw" in ASCII). It is set in the very message that creates a link,
 * which an alias cannot be, so that a link half made when the agent was killed is known as ours.
 */
export const LINK_GROUP = 0x6377;

/**
 * MAC of every node's bridge. It belongs to no address, because pods hold it in permanent neighbour entries
 * that must survive a change of the node's PodCIDR; it may repeat on every node, because the bridge is no
 * layer 2 of any other.
 */
export const BRIDGE_MAC = "0a:58:00:00:00:01";

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/**
 * Name of an attachment's host link: "cw" and 13 base32 characters (RFC 4648 alphabet, lower case) of the
 * 64-bit FNV-1a hash of `containerID NUL ifname`. The shim computes the same name in C, so that it can delete
 * the link without the agent; 15 characters are what IFNAMSIZ leaves.
 */
export function hostLinkName(containerId: string, ifname: string): string {
  const { high, low } = fnv1a64(Buffer.from(`${containerId}\0${ifname}`));
  let name = HOST_LINK_PREFIX;
  for (let shift = 59; shift >= 0; shift -= 5) {
    // Where a group lies in one half, the other one's bits are shifted out of its five.
    const group = shift >= 32 ? high >>> (shift - 32) : (high << (32 - shift)) | (low >>> shift);
    name += BASE32[group & 31];
  }
  // 13 × 5 = 65 bits: the last group has the hash's last four bits, and a zero.
  return name + BASE32[(low << 1) & 31];
}
