import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import { THREADS } from "../../native/threads.ts";

export interface OpenFiles {
  /** All but the sockets below. */
  readonly others: number;
  /**
   * Netlink sockets of the process's own network namespace that hear of nothing, by protocol
   * (linux/netlink.h). The agent keeps those that it once needed at the same time, so their number says
   * nothing about leaks, unless it exceeds what may be needed: see {@link assertFewSockets}.
   */
  readonly netlink: ReadonlyMap<number, number>;
}

/** Counts the open files of a process. */
export function countOpenFiles(pid: number): OpenFiles {
  const protocols = netlinkProtocols(pid);
  const netlink = new Map<number, number>();
  let others = 0;
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const protocol = protocols.get(targetOf(pid, fd));
    if (protocol === undefined) others += 1;
    else netlink.set(protocol, (netlink.get(protocol) ?? 0) + 1);
  }
  return { others, netlink };
}

/**
 * Asserts that an agent keeps no more netlink sockets of one protocol than it can have requests under way at
 * the same time.
 */
export function assertFewSockets({ netlink }: OpenFiles): void {
  const tooMany = [...netlink].filter(([, count]) => count > THREADS);
  assert.deepEqual(tooMany, [], "netlink sockets by protocol");
}

/** Empty for a file that has just been closed. */
function targetOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return "";
  }
}

/** Protocols of sockets without multicast groups (netlink_seq_show of net/netlink/af_netlink.c). */
function netlinkProtocols(pid: number): ReadonlyMap<string, number> {
  const [, ...lines] = readFileSync(`/proc/${pid}/net/netlink`, "utf8").trim().split("\n");
  const sockets = lines.map((line) => line.trim().split(/\s+/));
  return new Map(
    sockets.flatMap(([, protocol, , groups = "", , , , , , inode]) =>
      /^0+$/.test(groups) ? [[`socket:[${inode}]`, Number(protocol)] as const] : [],
    ),
  );
}
