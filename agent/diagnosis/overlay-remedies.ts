import { shellWord } from "./shell.ts";

/** Puts back what a VXLAN device must know of another node's gateway. */
export function neighbourCommand(device: string, gateway: string, mac: string): string {
  return `ip neighbour replace ${gateway} lladdr ${mac} dev ${shellWord(device)} nud permanent`;
}

/** Puts back behind which node a MAC is. */
export function forwardingCommand(device: string, mac: string, remote: string): string {
  return `bridge fdb replace ${mac} dev ${shellWord(device)} dst ${remote} self permanent`;
}

/** Puts back the route to another node's pods. `source`: this node's gateway of the family. */
export function overlayRouteCommand({
  podCidr,
  gateway,
  device,
  source,
}: Readonly<Record<"podCidr" | "gateway" | "device", string>> & {
  readonly source: string | undefined;
}): string {
  const from = source === undefined ? "" : ` src ${source}`;
  return `ip route replace ${podCidr} via ${gateway} dev ${shellWord(device)}${from} onlink proto 99`;
}

/**
 * The IPv4 address of the node whose VXLAN device has this MAC (net/mac.ts); undefined for a hash of an IPv6
 * address.
 */
export function addressBehind(mac: string): string | undefined {
  const [first, second, ...rest] = mac.split(":");
  if (first !== "0a" || second !== "58") return undefined;
  return rest.map((part) => Number.parseInt(part, 16)).join(".");
}
