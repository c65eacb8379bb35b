import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { readNftNotification } from "../../netlink/nft/nft-notification.ts";
import { parseMessages } from "../../netlink/message/message.ts";
import { isOwnPort, type Native } from "../socket/native.ts";

/** NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h. */
const NFNLGRP_NFTABLES = 7;

export interface WatchNftablesInput {
  /** Name of our tables. */
  readonly table: string;
  /** Whether the tables have been as planned at this generation: then the change was our own. */
  readonly isKnown: (generation: number) => Promise<boolean>;
  /** Somebody changed a table of ours. */
  readonly onChange: () => void;
  /** Somebody changed another table. */
  readonly onForeign: () => void;
}

/**
 * Listens to transactions of nftables. The kernel tells of each object, then of the generation that the transaction led to: other programs
 * commit several a second, and none of them matters unless it has touched our tables.
 */
export function watchNftables(
  native: Pick<Native, "openNetlink" | "watch" | "close">,
  { table, isKnown, onChange, onForeign }: WatchNftablesInput,
): { stop(): void } {
  let isTouched = false;
  let isStopped = false;
  const tell = (): void => {
    if (!isStopped) onChange();
  };
  const fd = native.openNetlink(NETLINK_NETFILTER, 1 << (NFNLGRP_NFTABLES - 1));
  const watch = native.watch(
    fd,
    (bytes) => {
      for (const message of parseMessages(bytes)) {
        // Attachments come and go through our own sockets.
        if (isOwnPort(message.port)) continue;
        const told = readNftNotification(message);
        if (told.table === table) isTouched = true;
        else if (told.table !== undefined && !isStopped) onForeign();
        if (told.generation === undefined || !isTouched) continue;
        isTouched = false;
        void isKnown(told.generation).then((known) => known || tell(), tell);
      }
    },
    () => {
      tell();
      if (!isStopped) onForeign();
    },
  );
  return {
    stop() {
      isStopped = true;
      watch.stop();
      native.close(fd);
    },
  };
}
