import type { Family } from "../../net/address.ts";

/** Protocol of a family, as nft's expressions name it. */
export function keywordOf(family: Family): "ip" | "ip6" {
  return family === 4 ? "ip" : "ip6";
}

/** Type of a family's addresses in sets and maps. */
export function addressType(family: Family): string {
  return family === 4 ? "ipv4_addr" : "ipv6_addr";
}
