import { readFile } from "node:fs/promises";
import { parseAddress } from "../../net/address.ts";
import { addressBits, type Cidr, cidrOf, formatCidr } from "../../net/cidr.ts";
import type { ObservedAddress } from "../../netlink/route/address.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import type { AddressRole, Surroundings } from "../../plan/node/surroundings.ts";
import { SERVICE_LINK } from "../../plan/node/underlay.ts";
import { isOurs } from "../link/ownership.ts";

export interface SurroundingsInput {
  readonly links: readonly Link[];
  readonly addresses: readonly ObservedAddress[];
  /** Next hops of default routes. */
  readonly gateways: readonly string[];
  readonly nameServers: readonly string[];
}

/**
 * What of this machine's network no Node object may take. Links that are down count: they come up. Addresses
 * of services do not: whoever may make a Service could take a prefix from a node with one.
 */
export function surroundingsOf({ links, addresses, gateways, nameServers }: SurroundingsInput): Surroundings {
  const foreign = new Map(
    links
      .filter((link) => !isOurs(link) && link.name !== SERVICE_LINK)
      .map(({ index, name }) => [index, name]),
  );
  const own: string[] = [];
  const connected = new Map<string, { readonly cidr: Cidr; readonly link: string }>();
  for (const { address, prefixLength, linkIndex, scope } of addresses) {
    const link = foreign.get(linkIndex);
    if (link === undefined || scope !== "global") continue;
    own.push(address);
    const cidr = cidrOf(address, prefixLength);
    if (prefixLength < addressBits(cidr.family)) connected.set(`${formatCidr(cidr)} ${link}`, { cidr, link });
  }
  const as = (role: AddressRole, list: readonly string[]) =>
    [...new Set(list)].map((address) => ({ address, role }));
  return {
    addresses: [...as("this_node", own), ...as("gateway", gateways), ...as("dns_server", nameServers)],
    connected: [...connected.values()],
  };
}

/** Where resolvers of this machine ask (resolv.conf(5)). None where there is no such file. */
export async function readNameServers(path = "/etc/resolv.conf"): Promise<readonly string[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].flatMap(
    ([, server = ""]) => parseAddress(server.replace(/%.*$/, "")) ?? [],
  );
}
