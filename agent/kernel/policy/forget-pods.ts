import { endKeys, hasEndIn, parseConnection } from "../../netlink/state/connection.ts";
import { deleteConnection, dumpAllConnections } from "../../netlink/state/conntrack.ts";
import { removeAll } from "../socket/remove-all.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/**
 * Makes the kernel forget connections of pods that are gone. What somebody still sends begins a new one,
 * which is none of a pod that has the address by then before that pod has answered.
 */
export async function forgetPods(netfilter: NetlinkClient, addresses: ReadonlySet<string>): Promise<void> {
  const keys = endKeys(addresses);
  const found = (await netfilter.dump(dumpAllConnections())).filter((payload) => hasEndIn(payload, keys));
  await removeAll(
    netfilter,
    found.map((payload) => deleteConnection(parseConnection(payload))),
  );
}
