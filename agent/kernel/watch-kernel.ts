import { readS32 } from "netlink/dist/structs.js";
import { RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK } from "../netlink/constants.ts";
import { parseMessages } from "../netlink/message.ts";
import type { Native } from "./native.ts";

/** NETLINK_ROUTE of linux/netlink.h and RTMGRP_NEIGH of linux/rtnetlink.h. */
const NETLINK_ROUTE = 0;
const RTMGRP_NEIGH = 0x4;

/** ifi_index, ifa_index and ndm_ifindex stand at the same place in their structs (linux/rtnetlink.h, if_addr.h, neighbour.h). */
const INDEX_OFFSET = 4;

export interface WatchKernelInput {
  /** Whether the link of this index may be ours. */
  readonly isRelevant: (linkIndex: number) => boolean;
  readonly onChange: () => void;
}

/** Listens to the kernel's notifications about links, addresses and neighbours. Only the interface index of a message is looked at. */
export function watchKernel(
  native: Pick<Native, "openNetlink" | "watch" | "close">,
  { isRelevant, onChange }: WatchKernelInput,
): () => void {
  const fd = native.openNetlink(
    NETLINK_ROUTE,
    RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_NEIGH,
  );
  const onData = (bytes: Buffer): void => {
    const concerns = ({ payload }: { payload: Buffer }): boolean =>
      payload.length >= INDEX_OFFSET + 4 && isRelevant(readS32.call(payload, INDEX_OFFSET));
    if (parseMessages(bytes).some(concerns)) onChange();
  };
  // Messages were lost: whatever they said, the answer is to look at everything.
  const watch = native.watch(fd, onData, onChange);
  return () => {
    watch.stop();
    native.close(fd);
  };
}
