import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { decodeRequestFrame, encodeReplyFrame } from "../cni/request/frame.ts";
import type { ShimTransport } from "../cni/server.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../log/log.ts";
import { ARGUMENT_VARIABLE, type Query, QUERY_VARIABLE } from "./query.ts";

export interface QueryServerInput {
  readonly transport: Pick<ShimTransport, "listen" | "reply" | "close">;
  readonly path: string;
  /** What each query is answered; `about`: its argument, empty without one. */
  readonly answers: Readonly<Record<Query, (about: string) => Promise<string>>>;
  readonly log: Pick<Log, "warn">;
}

export interface QueryServer {
  /**
   * Listens, unless the socket is there. Pods do not need it: a failure is logged, and the next call tries
   * again.
   */
  ensure(): void;
  stop(): void;
}

/**
 * Answers questions about the node on a socket of its own, with the frames of docs/protocol.md: also while
 * the node is not ready, when the shim's socket is not there yet, and without a place in the queue of the
 * runtime's requests.
 */
export function createQueryServer({ transport, path, answers, log }: QueryServerInput): QueryServer {
  let listener: { stop(): void } | undefined;

  const isQuery = (text: string): text is Query => Object.hasOwn(answers, text);
  const answer = async (bytes: Buffer): Promise<string> => {
    const { environment } = decodeRequestFrame(bytes);
    const query = environment.get(QUERY_VARIABLE) ?? "";
    if (isQuery(query)) return await answers[query](environment.get(ARGUMENT_VARIABLE) ?? "");
    throw new Error(`Cannot answer query "${query}": available are ${Object.keys(answers).join(", ")}`);
  };
  const listen = (): { stop(): void } => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return transport.listen(path, {
      onRequest(connection, bytes, fds) {
        for (const fd of fds) transport.close(fd);
        const reply = (exitCode: 0 | 1, stdout: string): void =>
          transport.reply(connection, encodeReplyFrame({ exitCode, stdout }));
        void answer(bytes).then(
          (text) => reply(0, text),
          (error: unknown) => reply(1, messageOf(error)),
        );
      },
      onRefused: (reason) => log.warn({ reason }, "Rejected a connection on the query socket"),
    });
  };

  return {
    ensure() {
      // Somebody may have cleared /run.
      if (listener !== undefined && existsSync(path)) return;
      try {
        listener?.stop();
        listener = listen();
      } catch (error) {
        log.warn({ error: messageOf(error) }, "Cannot answer queries about the node");
      }
    },
    stop: () => listener?.stop(),
  };
}
