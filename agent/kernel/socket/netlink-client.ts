import type { DumpParts, NetlinkMessage, NetlinkRequest, Outcome } from "../../netlink/message/message.ts";
import type { EarlyReply } from "../types.ts";
import type { Native } from "./native.ts";
import { createSender, type NetlinkStep } from "./send-steps.ts";
import { createSocketPool } from "./socket-pool.ts";
import { type VisitPart, walkDump } from "./walk-dump.ts";

/** A dump that the kernel could not finish without a change in between. */
export class DumpInterruptedError extends Error {
  override readonly name = "DumpInterruptedError";
  readonly code = "EINTR";
}

/** Speaks one netlink protocol: sends requests in batches, and matches the answers. */
export interface NetlinkClient {
  /**
   * Sends the steps in order, in one trip to a thread. All requests of a step are tried, a failure ends the
   * sequence after its step. Throws the first NetlinkError; else gives the replies per step and request.
   */
  execute(steps: readonly NetlinkStep[]): Promise<(readonly NetlinkMessage[])[][]>;
  /** The same with errors as values. */
  tryExecute(steps: readonly NetlinkStep[], earlyReply?: EarlyReply): Promise<Outcome[][]>;
  /** Lends one of the host's sockets, for steps of a sequence that another protocol's requests belong to. */
  withSocket<Result>(use: (socket: number) => Promise<Result>): Promise<Result>;
  /**
   * Payloads of one dump. One that was interrupted is repeated: until it is consistent, and {@link
   * DumpInterruptedError} is thrown when it never is; or once, and two that are known by their parts are made
   * one.
   */
  dump(request: NetlinkRequest, socket?: number): Promise<Buffer[]>;
  /**
   * Payloads of a dump that others can make as long as they like, part by part. What comes or goes meanwhile
   * may be missing.
   */
  walk(request: NetlinkRequest, visit: VisitPart): Promise<void>;
  /** Closes the host's sockets; what runs fails or finishes first. */
  close(): void;
}

/** NETLINK_ROUTE of linux/netlink.h. */
export const NETLINK_ROUTE = 0;

const MAX_DUMP_ATTEMPTS = 10;

type NetlinkNative = Pick<Native, "openNetlink" | "prepareNetlink" | "close" | "request">;

const skipped: Outcome = { status: "skipped" };

/** A client of rtnetlink, or of another protocol of the same message form, such as NETLINK_NETFILTER. */
export function createNetlinkClient(native: NetlinkNative, protocol: number = NETLINK_ROUTE): NetlinkClient {
  const pool = createSocketPool(native, protocol);
  const send = createSender(native);

  async function tryExecute(steps: readonly NetlinkStep[], earlyReply?: EarlyReply): Promise<Outcome[][]> {
    const borrowed = steps.map(({ socket, isLent }) => (isLent === true ? undefined : socket));
    for (const socket of new Set(borrowed)) if (socket !== undefined) native.prepareNetlink(socket);
    if (steps.every(({ socket }) => socket !== undefined)) return send(steps, -1, earlyReply);
    return pool.use((host) => send(steps, host, earlyReply));
  }

  /**
   * What either of two interrupted dumps has. What only the earlier has is asked for alone, where that can
   * be: it may be gone, or missed.
   */
  async function join(
    { identity, ask }: DumpParts,
    earlier: readonly Buffer[],
    later: readonly Buffer[],
    socket: number | undefined,
  ): Promise<Buffer[]> {
    const known = new Set(later.map(identity));
    const doubtful = earlier.filter((payload) => !known.has(identity(payload)));
    if (ask === undefined || doubtful.length === 0) return [...later, ...doubtful];
    const [answers = []] = await tryExecute([{ socket, requests: doubtful.map(ask) }]);
    const found = answers.flatMap((answer) => (answer.status === "done" ? answer.replies : []));
    return [...later, ...found.map(({ payload }) => payload)];
  }

  return {
    tryExecute,
    withSocket: pool.use,
    async execute(steps) {
      const outcomes = await tryExecute(steps);
      return outcomes.map((step) => step.map(repliesOf));
    },
    async dump(request, socket) {
      let earlier: readonly Buffer[] | undefined;
      for (let attempt = 1; attempt <= MAX_DUMP_ATTEMPTS; attempt++) {
        const [[outcome = skipped] = []] = await tryExecute([{ socket, requests: [request] }]);
        if (outcome.status === "failed" && outcome.error.code === request.emptyOn) return [];
        const replies = repliesOf(outcome);
        if (outcome.status !== "done") continue;
        const payloads = replies.map(({ payload }) => payload);
        if (!outcome.interrupted) return payloads;
        const { parts } = request;
        if (parts === undefined) continue;
        if (earlier !== undefined) return join(parts, earlier, payloads, socket);
        earlier = payloads;
      }
      throw new DumpInterruptedError(
        `Cannot ${request.what}: changed during each of ${MAX_DUMP_ATTEMPTS} attempts`,
      );
    },
    async walk(request, visit) {
      const socket = native.openNetlink(protocol, 0);
      try {
        await walkDump(native, socket, request, visit);
      } finally {
        native.close(socket);
      }
    },
    close: () => pool.close(),
  };
}

function repliesOf(outcome: Outcome): readonly NetlinkMessage[] {
  if (outcome.status === "failed") throw outcome.error;
  return outcome.status === "done" ? outcome.replies : [];
}
