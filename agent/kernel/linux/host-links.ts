import { dumpLinks } from "../../netlink/link/link.ts";
import { type Link, readLinkIndex, readLinkKind, readLinkName } from "../../netlink/link/parse-link.ts";
import { isHostLink, isPodLikeName, POD_LINK_KINDS, type PodLinkKind } from "../link/ownership.ts";
import { createLinkParser } from "../socket/link-parser.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/** Interface indices from here on are ours to choose: the kernel counts up from 1 and will not come near. */
const FIRST_LINK_INDEX = 1_000_000;

/** The host's links that are made for pods, and the interface indices that they get. */
export interface HostLinks {
  /**
   * Links of the kinds and with names as pods' links have them. Of others, which may be thousands, only the
   * index is read if the kernel tells them.
   */
  listPodLike(): Promise<Link[]>;
  /** Host ends of pods' veths. */
  list(): Promise<Link[]>;
  /**
   * The index of a link of this kind that is about to be made. In steps of two: the pod's end of a veth gets
   * the index after the host end's.
   */
  nextIndex(kind: PodLinkKind): number;
  /** Whether only a link of a pod has such an index. */
  isPodIndex(index: number): boolean;
}

export function createHostLinks(rtnetlink: Pick<NetlinkClient, "dump">): HostLinks {
  const parseLinks = createLinkParser();
  const listKind = createKindLister(rtnetlink);
  let lastIndex = FIRST_LINK_INDEX;
  const listPodLike = async (): Promise<Link[]> => {
    const dumps = await Promise.all(POD_LINK_KINDS.map(listKind.list));
    const payloads = new Map(dumps.flat().map((payload) => [readLinkIndex(payload), payload]));
    for (const index of payloads.keys()) lastIndex = Math.max(lastIndex, index);
    return parseLinks([...payloads.values()].filter((payload) => isPodLikeName(readLinkName(payload))));
  };
  return {
    listPodLike,
    list: async () => (await listPodLike()).filter(isHostLink),
    nextIndex(kind) {
      listKind.expect(kind);
      lastIndex += 2;
      return lastIndex;
    },
    isPodIndex: (index) => index > FIRST_LINK_INDEX,
  };
}

/**
 * Lists links by kind. A kernel that has not loaded a kind's driver has no link of it, and answers with all
 * links (rtnl_dump_ifinfo of net/core/rtnetlink.c): it is not asked again before one is about to be made,
 * which loads the driver.
 */
function createKindLister(rtnetlink: Pick<NetlinkClient, "dump">) {
  const missing = new Set<PodLinkKind>();
  const expected = new Set<PodLinkKind>();
  return {
    expect(kind: PodLinkKind): void {
      expected.add(kind);
    },
    async list(kind: PodLinkKind): Promise<readonly Buffer[]> {
      if (missing.has(kind) && !expected.has(kind)) return [];
      const payloads = await rtnetlink.dump(dumpLinks({ kind }));
      const found = payloads.filter((payload) => readLinkKind(payload) === kind);
      if (found.length < payloads.length) missing.add(kind);
      return found;
    },
  };
}
