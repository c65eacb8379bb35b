import { addressToBytes } from "../../../net/address.ts";
import type { NetlinkRequest } from "../../../netlink/message/message.ts";
import { changeElements, type SetElement } from "../../../netlink/nft/nft-elements.ts";
import { TABLE_NAME } from "../../../plan/nft/nft-table.ts";
import type { SourceElement } from "../../../plan/pods/sources.ts";

/** IFNAMSIZ of linux/if.h. */
const LINK_NAME_BYTES = 16;

/** An element of the guard's sets as nfnetlink wants it. */
export function sourceSetElement({ set, hostLink, address }: SourceElement): SetElement {
  const link = new Uint8Array(LINK_NAME_BYTES);
  link.set(Buffer.from(hostLink));
  return {
    family: "bridge",
    set,
    key: address === undefined ? [link] : [link, addressToBytes(address)],
    data: [],
  };
}

/** One transaction about the guard's sets. */
export function changeSources(verb: "add" | "delete", elements: readonly SourceElement[]): NetlinkRequest {
  return changeElements({ table: TABLE_NAME, verb, elements: elements.map(sourceSetElement) });
}
