import type { NodeKey } from "../../plan/peers/claim.ts";
import type { EncryptedRoute } from "../../plan/peers/peer-routes.ts";
import { cidr } from "../cidr.ts";

/** A route to a node with a key, and with a next one while it rotates its keys. */
export function encryptedRoute(
  node: string,
  destination: string,
  addresses: readonly string[],
  next?: NodeKey,
): EncryptedRoute {
  return {
    kind: "encrypted",
    node: { name: node, createdMs: 1, addresses, podCIDRs: [destination] },
    key: { publicKey: `key of ${node}`, port: 51_820, ...(next && { next }) },
    destination: cidr(destination),
    source: "10.244.1.1",
    linkIndex: 7,
    remote: addresses[0] ?? "",
    fault: undefined,
  };
}
