import { readS32 } from "netlink/dist/structs.js";
import { RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK } from "../netlink/constants.ts";
import { parseMessages } from "../netlink/message.ts";
import type { Native } from "./native.ts";

/** NETLINK_ROUTE of linux/netlink.h and RTMGRP_NEIGH of linux/rtnetlink.h. */
const NETLINK_ROUTE = 0;
const RTMGRP_NEIGH = 0x4;

/** ifi_index, ifa_index and ndm_ifindex stand at the same place in their structs (linux/rtnetlink.h, if_addr.h, neighbour.h). */
const INDEX_OFFSET = 4;

const GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_NEIGH;

export interface WatchKernelInput {
  /** Whether the link of this index may be ours. */
  readonly isRelevant: (linkIndex: number) => boolean;
  readonly onChange: () => void;
}

/** Tells of one change; the next one is told after `rearm`. */
export interface KernelWatch {
  /** Listens from now on. To be called before the look at everything that follows a change. */
  rearm(): void;
  stop(): void;
}

/**
 * Listens to the kernel's notifications about links, addresses and neighbours. Only the interface index of a message is looked at, and after
 * a relevant one nothing until `rearm`: pods that come and go make ten messages each, which would tell nothing new.
 */
export function watchKernel(
  native: Pick<Native, "openNetlink" | "watch" | "close">,
  { isRelevant, onChange }: WatchKernelInput,
): KernelWatch {
  let stop = (): void => undefined;
  const concerns = ({ payload }: { payload: Buffer }): boolean =>
    payload.length >= INDEX_OFFSET + 4 && isRelevant(readS32.call(payload, INDEX_OFFSET));
  const told = (): void => {
    stop();
    onChange();
  };
  const rearm = (): void => {
    stop();
    // A new socket: what the old one has queued is older than the look at everything that comes next.
    const fd = native.openNetlink(NETLINK_ROUTE, GROUPS);
    // An error means that messages were lost: whatever they said, the answer is the same.
    const watch = native.watch(fd, (bytes) => parseMessages(bytes).some(concerns) && told(), told);
    stop = () => {
      stop = () => undefined;
      watch.stop();
      native.close(fd);
    };
  };
  rearm();
  return { rearm, stop: () => stop() };
}
