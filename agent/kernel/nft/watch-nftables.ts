import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { readNftNotification } from "../../netlink/nft/nft-notification.ts";
import { parseMessages } from "../../netlink/message/message.ts";
import { isOwnPort, type Native } from "../socket/native.ts";
import type { Commit } from "./generations.ts";

/** NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h. */
const NFNLGRP_NFTABLES = 7;

/** Tables of one name that are ours. */
export interface WatchedTable {
  /**
   * The last generation at which they were as planned, once what is being done is done: a change up to it was
   * our own.
   */
  verifiedGeneration(): Promise<number>;
  /** Somebody changed one of them. */
  onChange(): void;
}

export interface WatchNftablesInput {
  /** By their names. */
  readonly tables: ReadonlyMap<string, WatchedTable>;
  /** Hears of every transaction, of whomever. */
  readonly onCommit: (commit: Commit) => void;
  /** Somebody changed another table. */
  readonly onForeign: () => void;
}

/**
 * Listens to transactions of nftables. The kernel tells of each object, then of the generation that the
 * transaction led to: other programs commit several a second, and none of them matters unless it has touched
 * our tables.
 */
export function watchNftables(
  native: Pick<Native, "openNetlink" | "watch" | "close">,
  { tables, onCommit, onForeign }: WatchNftablesInput,
): { stop(): void } {
  let touched = new Set<string>();
  let isStopped = false;
  const tell = (table: WatchedTable): void => {
    if (!isStopped) table.onChange();
  };
  const judge = (names: ReadonlySet<string>, generation: number): void => {
    for (const [name, table] of tables) {
      if (!names.has(name)) continue;
      const isOwn = table.verifiedGeneration().then((verified) => generation <= verified);
      void isOwn.then(
        (known) => known || tell(table),
        () => tell(table),
      );
    }
  };
  const fd = native.openNetlink(NETLINK_NETFILTER, 1 << (NFNLGRP_NFTABLES - 1));
  const watch = native.watch(
    fd,
    (bytes) => {
      for (const message of parseMessages(bytes)) {
        const told = readNftNotification(message);
        // Attachments and policies come and go through our own sockets.
        const isOwn = isOwnPort(message.port);
        if (told.table !== undefined && !isOwn) {
          touched.add(told.table);
          if (!tables.has(told.table) && !isStopped) onForeign();
        }
        if (told.generation === undefined) continue;
        onCommit({ generation: told.generation, isOwn, tables: touched });
        judge(touched, told.generation);
        touched = new Set();
      }
    },
    () => {
      for (const table of tables.values()) tell(table);
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
