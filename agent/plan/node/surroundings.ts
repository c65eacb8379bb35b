import type { Cidr } from "../../net/cidr.ts";

/** What an address is to this machine. */
export type AddressRole = "this_node" | "gateway" | "dns_server" | "api_server";

/** What this machine lives on, and what no Node object may take from it. */
export interface Surroundings {
  /** Addresses of links that are not ours, gateways of default routes, and DNS servers. */
  readonly addresses: readonly { readonly address: string; readonly role: AddressRole }[];
  /** Prefixes of addresses of links that are not ours, with the link's name. */
  readonly connected: readonly { readonly cidr: Cidr; readonly link: string }[];
}

export const NO_SURROUNDINGS: Surroundings = { addresses: [], connected: [] };
