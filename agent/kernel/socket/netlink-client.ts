import {
  ACKNOWLEDGED,
  type DumpParts,
  encodeBatch,
  type EncodedRequests,
  type NetlinkMessage,
  type NetlinkRequest,
  numberRequests,
  type Outcome,
  parseAnswers,
  type Requests,
} from "../../netlink/message/message.ts";
import type { Native, NativeStep } from "./native.ts";

/** Requests for one socket: one of the client's own (its protocol, the host's network namespace), or any other. */
export interface NetlinkStep {
  readonly socket?: number | undefined;
  /** The socket is one that `withSocket` has lent: its options are set. */
  readonly isLent?: boolean;
  readonly requests: Requests;
}

/** A dump that the kernel could not finish without a change in between. */
export class DumpInterruptedError extends Error {
  override readonly name = "DumpInterruptedError";
  readonly code = "EINTR";
}

/** Speaks one netlink protocol: sends requests in batches, and matches the answers. */
export interface NetlinkClient {
  /**
   * Sends the steps in order, in one trip to a thread. All requests of a step are tried, a failure ends the sequence after its step.
   * Throws the first NetlinkError; else gives the replies per step and request.
   */
  execute(steps: readonly NetlinkStep[]): Promise<(readonly NetlinkMessage[])[][]>;
  /** The same with errors as values. */
  tryExecute(steps: readonly NetlinkStep[]): Promise<Outcome[][]>;
  /** Lends one of the host's sockets, for steps of a sequence that another protocol's requests belong to. */
  withSocket<Result>(use: (socket: number) => Promise<Result>): Promise<Result>;
  /**
   * Payloads of one dump. One that was interrupted is repeated: until it is consistent, and {@link DumpInterruptedError} is thrown when it never
   * is; or once, and two that are known by their parts are made one.
   */
  dump(request: NetlinkRequest, socket?: number): Promise<Buffer[]>;
  /** Closes the host's sockets; what runs fails or finishes first. */
  close(): void;
}

/** NETLINK_ROUTE of linux/netlink.h. */
const NETLINK_ROUTE = 0;

/** Bounds one send to some 20 KB and its acknowledgements to some 100 KB, half of the smallest receive buffer. */
const MAX_BATCH = 100;

const MAX_DUMP_ATTEMPTS = 10;

/** As many requests as libuv's thread pool runs at the same time (UV_THREADPOOL_SIZE is 4 unless set). */
const MAX_SOCKETS = 4;

type NetlinkNative = Pick<Native, "openNetlink" | "prepareNetlink" | "close" | "request">;

interface Batch extends NativeStep {
  readonly requests: Requests;
  readonly firstSeq: number;
}

const skipped: Outcome = { status: "skipped" };

/** A client of rtnetlink, or of another protocol of the same message form, such as NETLINK_NETFILTER. */
export function createNetlinkClient(native: NetlinkNative, protocol: number = NETLINK_ROUTE): NetlinkClient {
  const pool = createSocketPool(native, protocol);
  let nextSeq = 1;

  function encode(fd: number, requests: Requests): Batch {
    const firstSeq = nextSeq;
    nextSeq = (nextSeq + countOf(requests)) >>> 0;
    const bytes = isEncoded(requests) ? numberRequests(requests, firstSeq) : encodeBatch(requests, firstSeq);
    return { fd, requests, firstSeq, bytes };
  }

  async function send(batches: readonly Batch[]): Promise<Outcome[][]> {
    const answers = await native.request(batches);
    return batches.map(({ requests, firstSeq }, index) => {
      if (index >= answers.length) return allOf(requests, skipped);
      const answer = answers[index];
      if (!isEncoded(requests)) return parseAnswers(requests, firstSeq, answer);
      return answer === undefined
        ? allOf(requests, ACKNOWLEDGED)
        : parseAnswers(requests.requests(), firstSeq, answer);
    });
  }

  /** A step of many requests goes in several batches, all of them sent; it is one step nevertheless. */
  async function sendLong(fd: number, requests: readonly NetlinkRequest[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (let start = 0; start < requests.length; start += MAX_BATCH) {
      const [batch = []] = await send([encode(fd, requests.slice(start, start + MAX_BATCH))]);
      outcomes.push(...batch);
    }
    return outcomes;
  }

  function run(steps: readonly NetlinkStep[], host: number): Promise<Outcome[][]> {
    const isShort = steps.every(({ requests }) => countOf(requests) > 0 && countOf(requests) <= MAX_BATCH);
    if (!isShort) return runLong(steps, host);
    return send(steps.map(({ socket = host, requests }) => encode(socket, requests)));
  }

  async function runLong(steps: readonly NetlinkStep[], host: number): Promise<Outcome[][]> {
    const outcomes: Outcome[][] = [];
    let failed = false;
    for (const { socket = host, requests: given } of steps) {
      const requests = isEncoded(given) ? given.requests() : given;
      const answers: Outcome[] = failed ? allOf(requests, skipped) : await sendLong(socket, requests);
      failed ||= answers.some(({ status }) => status === "failed");
      outcomes.push(answers);
    }
    return outcomes;
  }

  async function tryExecute(steps: readonly NetlinkStep[]): Promise<Outcome[][]> {
    const borrowed = steps.map(({ socket, isLent }) => (isLent === true ? undefined : socket));
    for (const socket of new Set(borrowed)) if (socket !== undefined) native.prepareNetlink(socket);
    if (steps.every(({ socket }) => socket !== undefined)) return run(steps, -1);
    return pool.use((host) => run(steps, host));
  }

  /** What either of two interrupted dumps has. What only the earlier has is asked for alone, where that can be: it may be gone, or missed. */
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
    close: () => pool.close(),
  };
}

function isEncoded(requests: Requests): requests is EncodedRequests {
  return "offsets" in requests;
}

function countOf(requests: Requests): number {
  if (!isEncoded(requests)) return requests.length;
  return requests.isTransaction === true ? 1 : requests.offsets.length;
}

function allOf(requests: Requests, outcome: Outcome): Outcome[] {
  return Array.from({ length: countOf(requests) }, () => outcome);
}

function repliesOf(outcome: Outcome): readonly NetlinkMessage[] {
  if (outcome.status === "failed") throw outcome.error;
  return outcome.status === "done" ? outcome.replies : [];
}

interface SocketPool {
  /** Runs `use` with a socket that nobody else uses meanwhile; waits for one if all are taken. */
  use<Result>(use: (fd: number) => Promise<Result>): Promise<Result>;
  close(): void;
}

/** A few sockets in our own network namespace, opened when first needed. */
function createSocketPool(native: NetlinkNative, protocol: number): SocketPool {
  const free: number[] = [];
  const waiting: (() => void)[] = [];
  let taken = 0;
  let closed = false;

  /** The slot goes straight to whoever waits longest. */
  function giveSlotBack(): void {
    const next = waiting.shift();
    if (next === undefined) taken -= 1;
    else next();
  }

  async function withSocket<Result>(use: (fd: number) => Promise<Result>): Promise<Result> {
    if (closed) throw new Error("Cannot use netlink: the client is closed");
    const fd = free.pop() ?? native.openNetlink(protocol, 0);
    let isClean = false;
    try {
      const result = await use(fd);
      isClean = true;
      return result;
    } finally {
      // After a failure answers may be left in the socket or lost: the next request gets a new one.
      if (isClean && !closed) free.push(fd);
      else native.close(fd);
    }
  }

  return {
    async use(use) {
      if (taken < MAX_SOCKETS) taken += 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await withSocket(use);
      } finally {
        giveSlotBack();
      }
    },
    close() {
      closed = true;
      for (const fd of free.splice(0)) native.close(fd);
    },
  };
}
