import { dumpListeningSockets, parseListeningSocket } from "../../netlink/state/sock-diag.ts";
import type { NodeListener } from "../../plan/node/node-listeners.ts";
import { PROTOCOL_NUMBERS } from "../../plan/pods/host-ports.ts";
import {
  dropCounter,
  type DropReason,
  INET_DROP_REASONS,
  PORT_DROP_REASONS,
} from "../../plan/rules/drop-reasons.ts";
import type { Kernel } from "../kernel.ts";
import { readCounters, tableKey } from "../nft/list-table.ts";
import type { NetlinkClients } from "./context.ts";

/** What is read for people and metrics only. */
export function createReads({
  sockets,
  netfilter,
}: Pick<NetlinkClients, "sockets" | "netfilter">): Pick<Kernel, "listListeners" | "countDrops"> {
  return {
    async listListeners(protocol) {
      const found: NodeListener[] = [];
      for (const family of [4, 6] as const) {
        const request = dumpListeningSockets(family, PROTOCOL_NUMBERS[protocol]);
        found.push(...(await sockets.dump(request)).map(parseListeningSocket));
      }
      return found;
    },
    async countDrops() {
      const ports = await readCounters(netfilter, tableKey("bridge"));
      const inet = await readCounters(netfilter, tableKey("inet"));
      return Object.fromEntries([
        ...PORT_DROP_REASONS.map((reason) => [reason, ports.get(dropCounter(reason)) ?? 0]),
        ...INET_DROP_REASONS.map((reason) => [reason, inet.get(reason) ?? 0]),
      ]) as Record<DropReason, number>;
    },
  };
}
