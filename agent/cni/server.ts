import { type CallerTransport, createCaller, type OpenCaller } from "./caller.ts";
import type { Log } from "../log/log.ts";
import { CNI_CODE, type CniError, formatCniError, toCniError } from "./cni-error.ts";
import type { Commands } from "./verbs/commands.ts";
import { decodeRequestFrame, type Reply, type RequestFrame } from "./request/frame.ts";
import { cutText } from "../text/cut-text.ts";
import { createLimiter } from "../lib/limiter.ts";
import { DEFAULT_VERSION, versionOf } from "./request/network-config.ts";
import { parseRequest } from "./request/request.ts";
import { parseCniArgs, podNameOf } from "./request/runtime-config.ts";

/**
 * Requests in work at the same time. Many, because deletions are collected while one runs; but bounded,
 * because each holds descriptors and memory while it queues at the kernel's rtnl lock.
 */
const MAX_IN_FLIGHT = 256;

/** What the addon offers: frames with their descriptors come in, replies go out. */
export interface ShimTransport extends CallerTransport {
  listen(
    path: string,
    handlers: {
      onRequest(connection: number, frame: Buffer, fds: number[]): void;
      onRefused(reason: string): void;
    },
  ): { stop(): void };
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
  readonly observe: (call: ServedCall) => void;
}

/** A request that was answered. */
export interface ServedCall {
  readonly command: string;
  /** `NAMESPACE/NAME`, where the runtime tells it. */
  readonly pod: string | undefined;
  readonly containerId: string | undefined;
  readonly ifname: string | undefined;
  /** From the start of the shim to the reply. */
  readonly ms: number;
  /** CNI error code; 0 for success. */
  readonly code: number;
  readonly error: string | undefined;
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
  const inWork = new Map<number, Promise<void>>();

  const finish = (caller: OpenCaller, frame: RequestFrame | undefined, outcome: unknown): void => {
    caller.answer(isReply(outcome) ? outcome : errorReply(toCniError(outcome), frame));
    const error = isReply(outcome) ? undefined : toCniError(outcome);
    const call = describeCall(frame, { error, nowNs: monotonicNs() });
    observe(call);
    logCall(log, call);
  };

  const serve = async (connection: number, bytes: Buffer, fds: readonly number[]): Promise<void> => {
    const caller = createCaller(transport, connection);
    let frame: RequestFrame | undefined;
    try {
      frame = decodeRequestFrame(bytes);
      const request = parseRequest(frame, fds);
      const stdout = await limiter.run(() => commands(request, caller));
      finish(caller, frame, { exitCode: 0, stdout });
    } catch (error) {
      finish(caller, frame, error);
    } finally {
      for (const fd of fds) transport.close(fd);
    }
  };

  const listener = transport.listen(socket, {
    onRequest(connection, bytes, fds) {
      const done = serve(connection, bytes, fds).finally(() => inWork.delete(connection));
      inWork.set(connection, done);
    },
    onRefused: (reason) => log.warn({ reason }, "Rejected a connection on the shim socket"),
  });
  log.info({ socket }, "Listening for the shim");

  return {
    async stop() {
      listener.stop();
      // Also those that were taken from the queue just now, and have not delivered their frame yet: a rolling
      // upgrade fails no pod.
      await transport.whenIdle();
      await Promise.all(inWork.values());
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

function describeCall(
  frame: RequestFrame | undefined,
  { error, nowNs }: { readonly error: CniError | undefined; readonly nowNs: bigint },
): ServedCall {
  const environment = frame?.environment;
  const told = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : cutText(text);
  return {
    command: knownCommand(frame),
    pod: told(podNameOf(parseCniArgs(environment?.get("CNI_ARGS") ?? ""))),
    containerId: told(environment?.get("CNI_CONTAINERID")),
    ifname: told(environment?.get("CNI_IFNAME")),
    ms: frame === undefined ? 0 : Number(nowNs - frame.startedNs) / 1e6,
    code: error?.code ?? 0,
    error: error?.message,
  };
}

function logCall(log: Log, { code, error, ...call }: ServedCall): void {
  const fields = { ...call, ms: Math.round(call.ms * 100) / 100 };
  if (error === undefined) {
    // Kubelets poll STATUS every five seconds: not worth a line.
    const level = call.command === "STATUS" || call.command === "VERSION" ? "debug" : "info";
    log[level](fields, "Served CNI request");
    return;
  }
  const level = code === CNI_CODE.notAvailable ? "debug" : "warn";
  log[level]({ ...fields, code, error }, "CNI request failed");
}
