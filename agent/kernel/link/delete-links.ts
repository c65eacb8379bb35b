import { deleteLink, deleteLinkGroup, setLink } from "../../netlink/link/link.ts";
import { removeAll } from "../socket/remove-all.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

export interface Deletion {
  /** The links are gone, and so is what hung on them: other ends, addresses, names. */
  readonly gone: Promise<void>;
  /** The kernel has freed their memory too, or refused. Never rejects. */
  readonly freed: Promise<unknown>;
}

/**
 * Deletes links, several at once by way of a group that nobody else has.
 *
 * The call that deletes waits for RCU grace periods, 16 to 20 ms, when the links are long gone and others
 * have the kernel's lock again (netdev_run_todo of net/core/dev.c). So there are two such calls: who gets the
 * lock last finds no link, and returns at once.
 */
export function deleteLinks(rtnetlink: NetlinkClient, indices: readonly number[], group: number): Deletion {
  const isGroup = indices.length > 1;
  const grouped = isGroup
    ? removeAll(
        rtnetlink,
        indices.map((index) => setLink(index, { group })),
      )
    : Promise.resolve();
  const requests = isGroup ? [deleteLinkGroup(group)] : indices.map(deleteLink);
  const calls = [1, 2].map(() => grouped.then(() => removeAll(rtnetlink, requests)));
  return { gone: Promise.race(calls), freed: Promise.allSettled(calls) };
}
