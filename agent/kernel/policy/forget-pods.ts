import { addressFromBytes } from "../../net/address.ts";
import { hasEndIn, parseConnection } from "../../netlink/state/connection.ts";
import { deleteConnection, dumpAllConnections } from "../../netlink/state/conntrack.ts";
import { walkConnections } from "../connections/walk-connections.ts";
import { removeAll } from "../socket/remove-all.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/**
 * Makes the kernel forget connections of pods that are gone, by their addresses. What somebody still sends
 * begins a new one, which is none of a pod that has the address by then before that pod has answered.
 */
export async function forgetPods(
  netfilter: NetlinkClient,
  isGone: (address: string) => boolean,
): Promise<void> {
  /** Connections are many, and their ends are few. */
  const known = new Map<string, boolean>();
  const keys = {
    has(key: string): boolean {
      const answer = known.get(key) ?? isGone(addressFromBytes(Buffer.from(key, "latin1")));
      known.set(key, answer);
      return answer;
    },
  };
  await walkConnections(netfilter, dumpAllConnections(), (payloads) => {
    const found = payloads.filter((payload) => hasEndIn(payload, keys));
    return removeAll(
      netfilter,
      found.map((payload) => deleteConnection(parseConnection(payload))),
    );
  });
}
