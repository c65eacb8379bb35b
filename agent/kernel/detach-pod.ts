import { linkLocalOf } from "../net/mac.ts";
import { deleteLink, getLink } from "../netlink/link.ts";
import type { NetlinkRequest } from "../netlink/message.ts";
import { deleteNeighbour } from "../netlink/neighbour.ts";
import { isNotFound } from "../netlink/netlink-error.ts";
import { type Link, parseLink } from "../netlink/parse-link.ts";
import { parseAlias } from "../plan/attachment.ts";
import { podMac } from "../plan/pod-network.ts";
import { isOurs } from "./ownership.ts";
import type { Rtnetlink } from "./rtnetlink.ts";

/** The link of that name, or undefined. */
export async function findLink(rtnetlink: Rtnetlink, name: string): Promise<Link | undefined> {
  const [outcome] = (await rtnetlink.tryExecute([{ requests: [getLink(name)] }])).flat();
  if (outcome?.status === "failed" && isNotFound(outcome.error)) return undefined;
  if (outcome?.status === "failed") throw outcome.error;
  const reply = outcome?.status === "done" ? outcome.replies[0] : undefined;
  return reply === undefined ? undefined : parseLink(reply.payload);
}

/** Runs requests that remove things; what is gone already is as good as removed. All are tried, the first failure is thrown. */
export async function removeAll(rtnetlink: Rtnetlink, requests: readonly NetlinkRequest[]): Promise<void> {
  if (requests.length === 0) return;
  const outcomes = (await rtnetlink.tryExecute([{ requests }])).flat();
  for (const outcome of outcomes) {
    if (outcome.status === "failed" && !isNotFound(outcome.error)) throw outcome.error;
  }
}

export interface DetachInput {
  readonly hostLink: string;
  /** Addresses that the pod is known to have had. */
  readonly addresses: readonly string[];
  readonly bridgeIndex: number | undefined;
}

/** Deletes one attachment: the veth, and the bridge's neighbours for its addresses. */
export async function detachPod(
  rtnetlink: Rtnetlink,
  { hostLink, addresses, bridgeIndex }: DetachInput,
): Promise<"detached" | "gone"> {
  const link = await findLink(rtnetlink, hostLink);
  if (link !== undefined && !isOurs(link)) return "gone";
  const aliased = link?.alias === undefined ? [] : (parseAlias(link.alias)?.addresses ?? []);
  const neighbours =
    bridgeIndex === undefined
      ? []
      : neighboursOf([...addresses, ...aliased]).map((address) =>
          deleteNeighbour({ linkIndex: bridgeIndex, address }),
        );
  // By index: the name could by now belong to a link that somebody else made.
  await removeAll(rtnetlink, [...neighbours, ...(link === undefined ? [] : [deleteLink(link.index)])]);
  return link === undefined ? "gone" : "detached";
}

/** What the host may have an entry for: the pod's addresses, and the link-local one from which its kernel solicits routers. */
function neighboursOf(addresses: readonly string[]): readonly string[] {
  return addresses.length === 0 ? [] : [...new Set([...addresses, linkLocalOf(podMac(addresses))])];
}
