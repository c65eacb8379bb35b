import type { Log } from "../log.ts";
import { CNI_CODE, type CniError, formatCniError, toCniError } from "./cni-error.ts";
import type { Commands } from "./commands.ts";
import { decodeRequestFrame, encodeReplyFrame, type Reply, type RequestFrame } from "./frame.ts";
import { createLimiter } from "./limiter.ts";
import { DEFAULT_VERSION, versionOf } from "./network-config.ts";
import { parseRequest } from "./request.ts";
import { parseCniArgs } from "./wishes.ts";

/**
 * Requests in work at the same time. Many, because deletions are collected while one runs; but bounded, because each holds descriptors and
 * memory while it queues at the kernel's rtnl lock.
 */
const MAX_IN_FLIGHT = 256;

/** What the addon offers: frames with their descriptors come in, replies go out. */
export interface ShimTransport {
  listen(
    path: string,
    handlers: {
      onRequest(connection: number, frame: Buffer, fds: number[]): void;
      onGone(connection: number): void;
      onRefused(reason: string): void;
    },
  ): { stop(): void };
  reply(connection: number, bytes: Uint8Array): void;
  close(fd: number): void;
  /** Resolves when no connection is open any more. */
  whenIdle(): Promise<void>;
}

export interface ServerInput {
  readonly transport: ShimTransport;
  readonly socket: string;
  readonly commands: Commands;
  readonly log: Log;
  /** CLOCK_MONOTONIC, as the shim reads it. */
  readonly monotonicNs: () => bigint;
  readonly observe: (command: string, code: number, seconds: number) => void;
}

export interface CniServer {
  /** Accepts no more, and waits for what runs. */
  stop(): Promise<void>;
  /** Requests that wait for a place. */
  waiting(): number;
  /** Requests that are not answered yet. */
  inWork(): number;
}

export function startCniServer(input: ServerInput): CniServer {
  const { transport, socket, commands, log, monotonicNs, observe } = input;
  const limiter = createLimiter(MAX_IN_FLIGHT);
  const inWork = new Map<number, { readonly controller: AbortController; readonly done: Promise<void> }>();

  const serve = async (
    connection: number,
    bytes: Buffer,
    fds: readonly number[],
    signal: AbortSignal,
  ): Promise<void> => {
    let frame: RequestFrame | undefined;
    try {
      frame = decodeRequestFrame(bytes);
      const request = parseRequest(frame, fds);
      const stdout = await limiter.run(() => commands(request, signal));
      finish(connection, frame, { exitCode: 0, stdout });
    } catch (error) {
      finish(connection, frame, error);
    } finally {
      for (const fd of fds) transport.close(fd);
    }
  };

  const finish = (connection: number, frame: RequestFrame | undefined, outcome: unknown): void => {
    const reply = isReply(outcome) ? outcome : errorReply(toCniError(outcome), frame);
    transport.reply(connection, encodeReplyFrame(reply));
    const code = isReply(outcome) ? 0 : toCniError(outcome).code;
    const command = knownCommand(frame);
    const seconds = frame === undefined ? 0 : Number(monotonicNs() - frame.startedNs) / 1e9;
    observe(command, code, seconds);
    logRequest(log, frame, { command, seconds, outcome });
  };

  const listener = transport.listen(socket, {
    onRequest(connection, bytes, fds) {
      const controller = new AbortController();
      const done = serve(connection, bytes, fds, controller.signal).finally(() => inWork.delete(connection));
      inWork.set(connection, { controller, done });
    },
    onGone: (connection) => inWork.get(connection)?.controller.abort(),
    onRefused: (reason) => log.warn({ reason }, "Refused a connection on the shim socket"),
  });
  log.info({ socket }, "Listening for the shim");

  return {
    async stop() {
      listener.stop();
      // Also those that were taken from the queue just now, and have not delivered their frame yet: a rolling upgrade fails no pod.
      await transport.whenIdle();
      await Promise.all([...inWork.values()].map(({ done }) => done));
    },
    waiting: () => limiter.waiting(),
    inWork: () => inWork.size,
  };
}

function isReply(outcome: unknown): outcome is Reply {
  return typeof outcome === "object" && outcome !== null && "exitCode" in outcome;
}

function errorReply(error: CniError, frame: RequestFrame | undefined): Reply {
  const version = frame === undefined ? DEFAULT_VERSION : versionOf(frame.stdin);
  return { exitCode: 1, stdout: formatCniError(error, version) };
}

/** Commands of the specification; anything else is one label, so that a caller cannot grow the metrics. */
function knownCommand(frame: RequestFrame | undefined): string {
  const command = frame?.environment.get("CNI_COMMAND") ?? "";
  return ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"].includes(command) ? command : "unknown";
}

function logRequest(
  log: Log,
  frame: RequestFrame | undefined,
  { command, seconds, outcome }: { command: string; seconds: number; outcome: unknown },
): void {
  const environment = frame?.environment;
  const args = environment?.get("CNI_ARGS") ?? "";
  const fields = {
    command,
    containerId: environment?.get("CNI_CONTAINERID"),
    ifname: environment?.get("CNI_IFNAME"),
    pod: describePod(args),
    ms: Math.round(seconds * 1e5) / 100,
  };
  if (isReply(outcome)) {
    // Kubelets poll STATUS every five seconds: not worth a line.
    const level = command === "STATUS" || command === "VERSION" ? "debug" : "info";
    log[level](fields, "Served CNI request");
    return;
  }
  const error = toCniError(outcome);
  const level = error.code === CNI_CODE.notAvailable ? "debug" : "warn";
  log[level]({ ...fields, code: error.code, error: error.message }, "Refused CNI request");
}

/** `namespace/name` of CNI_ARGS as Kubernetes runtimes give it, in whatever order. */
export function describePod(args: string): string | undefined {
  const pairs = parseCniArgs(args);
  const name = pairs.get("K8S_POD_NAME");
  return name === undefined ? undefined : `${pairs.get("K8S_POD_NAMESPACE") ?? ""}/${name}`;
}
