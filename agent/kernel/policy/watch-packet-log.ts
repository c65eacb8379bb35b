import { release } from "node:os";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { bindLogGroup, type LoggedPacket, readLoggedPacket } from "../../netlink/state/packet-log.ts";
import { parseMessages } from "../../netlink/message/message.ts";
import { isNetlinkError } from "../../netlink/message/netlink-error.ts";
import { describeMissing, LOG_FEATURE } from "../../plan/node/kernel-features.ts";
import type { Native } from "../socket/native.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

export interface WatchPacketLogInput {
  readonly native: Pick<Native, "openNetlink" | "watch" | "close">;
  readonly netfilter: Pick<NetlinkClient, "execute">;
  readonly group: number;
  readonly onPacket: (packet: LoggedPacket) => void;
  /**
   * Nothing comes until the next try, {@link RETRY_MS} later: another process has the group, as the agent
   * before does for a moment.
   */
  readonly onError: (error: unknown) => void;
  readonly after: (ms: number, work: () => void) => () => void;
}

/** All headers of which ports are read: an IPv6 header with two short extensions, and four bytes more. */
const COPY_BYTES = 64;
const DELAY_MS = 50;
const RETRY_MS = 5000;

/**
 * Reads what rules log to a group; with CAP_NET_ADMIN alone. Packets that come while the socket's buffer is
 * full are lost: they are counted elsewhere.
 */
export function watchPacketLog(input: WatchPacketLogInput): { stop(): void } {
  const { native, netfilter, group, onPacket, onError, after } = input;
  const fd = native.openNetlink(NETLINK_NETFILTER, 0);
  let isStopped = false;
  let cancel = (): void => undefined;

  const bind = async (): Promise<void> => {
    const request = bindLogGroup(group, { copyBytes: COPY_BYTES, delayMs: DELAY_MS });
    await netfilter.execute([{ socket: fd, requests: [request] }]);
  };
  const listen = (): { stop(): void } =>
    native.watch(
      fd,
      (bytes) => {
        for (const message of parseMessages(bytes)) {
          const packet = readLoggedPacket(message);
          if (packet !== undefined) onPacket(packet);
        }
      },
      () => undefined,
    );
  let watch: { stop(): void } | undefined;
  const start = (): void => {
    void bind().then(
      () => {
        if (!isStopped) watch = listen();
      },
      (error: unknown) => {
        if (isStopped) return;
        onError(explain(error));
        cancel = after(RETRY_MS, start);
      },
    );
  };
  start();
  return {
    stop() {
      isStopped = true;
      cancel();
      watch?.stop();
      native.close(fd);
    },
  };
}

/** EINVAL is the answer where nobody serves a subsystem (nfnetlink_rcv_msg of net/netfilter/nfnetlink.c). */
function explain(cause: unknown): unknown {
  if (!isNetlinkError(cause) || cause.code !== "EINVAL") return cause;
  return new Error(`Cannot ${cause.what}: ${describeMissing(release(), [LOG_FEATURE])}`, { cause });
}
