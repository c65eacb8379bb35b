import { isLoopback, parseAddress } from "../net/address.ts";

export interface OwnHosts {
  /** The node's name, and names and addresses that the operator has added; in lower case. */
  readonly added: readonly string[];
  /** Addresses of the node, canonical. */
  readonly addresses: () => readonly string[];
}

/** A name or an address, in brackets where it is IPv6, and a port. */
const AUTHORITY = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/;

/**
 * Whether a request's Host names this node. A web page can have a name of its own resolve to any address, the
 * node's or that of a forwarded port, and its script would read what is there as its own (DNS rebinding): it
 * cannot have the browser send another name than that.
 *
 * @param local the address that the connection was made to
 */
export function isOwnHost(host: string, local: string, { added, addresses }: OwnHosts): boolean {
  const [, bracketed, bare = ""] = AUTHORITY.exec(host) ?? [];
  const address = parseAddress(bracketed ?? bare);
  const name = address ?? bare.toLowerCase().replace(/\.$/, "");
  if (added.includes(name)) return true;
  if (address === undefined) return name === "localhost";
  return isLoopback(address) || address === local || addresses().includes(address);
}
