import { dumpLinks } from "../../netlink/link/link.ts";
import { type Link, readLinkIndex, readLinkName } from "../../netlink/link/parse-link.ts";
import { isHostLink, isPodLikeName } from "../link/ownership.ts";
import { createLinkParser } from "../socket/link-parser.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/** Interface indices from here on are ours to choose: the kernel counts up from 1 and will not come near. */
const FIRST_LINK_INDEX = 1_000_000;

/** What is made for pods. */
const POD_LINK_KINDS = ["veth", "ifb"] as const;

/** The host's links that are made for pods, and the interface indices that they get. */
export interface HostLinks {
  /**
   * Links of the kinds and with names as pods' links have them. Of others, which may be thousands, only the
   * index is read if the kernel tells them.
   */
  listPodLike(): Promise<Link[]>;
  /** Host ends of pods' veths. */
  list(): Promise<Link[]>;
  /** In steps of two: the pod's end gets the index after the host end's. */
  nextIndex(): number;
  /** Whether only a link of a pod has such an index. */
  isPodIndex(index: number): boolean;
}

export function createHostLinks(rtnetlink: Pick<NetlinkClient, "dump">): HostLinks {
  const parseLinks = createLinkParser();
  let lastIndex = FIRST_LINK_INDEX;
  const listPodLike = async (): Promise<Link[]> => {
    const dumps = await Promise.all(POD_LINK_KINDS.map((kind) => rtnetlink.dump(dumpLinks({ kind }))));
    const payloads = new Map(dumps.flat().map((payload) => [readLinkIndex(payload), payload]));
    for (const index of payloads.keys()) lastIndex = Math.max(lastIndex, index);
    return parseLinks([...payloads.values()].filter((payload) => isPodLikeName(readLinkName(payload))));
  };
  return {
    listPodLike,
    list: async () => (await listPodLike()).filter(isHostLink),
    nextIndex() {
      lastIndex += 2;
      return lastIndex;
    },
    isPodIndex: (index) => index > FIRST_LINK_INDEX,
  };
}
