import { constants } from "node:os";
import { type Addon, UV_READABLE } from "../../native/addon.ts";
import { ACCEPT_PAUSE_MS } from "../../native/listener.ts";
import { type Admission, peerOf } from "./admission.ts";
import { endOf } from "./tcp-socket.ts";

export interface AcceptorInput {
  readonly addon: Addon;
  /** A listening socket; stays open. */
  readonly fd: number;
  readonly admission: Admission;
  /** From one connection to the next. */
  readonly gapMs: number;
  /** Takes over a connection; `admission.left` is to be called with `peer` at its end. */
  readonly onConnection: (fd: number, peer: string) => void;
}

/**
 * Takes one connection, and the next one `gapMs` later. Node.js's own server takes all that there are before
 * anything else has a turn: who connects as fast as he can has its event loop for himself.
 */
export function startAcceptor({ addon, fd, admission, gapMs, onConnection }: AcceptorInput): {
  stop(): void;
} {
  let poll: number | undefined;
  let gap: NodeJS.Timeout | undefined;

  function listen(): void {
    poll ??= addon.poll(fd, UV_READABLE, onReadable);
  }

  function pause(): void {
    if (poll !== undefined) addon.unpoll(poll);
    poll = undefined;
  }

  function onReadable(): void {
    const connection = addon.accept(fd);
    if (connection === -constants.errno.EAGAIN) return;
    pause();
    gap = setTimeout(listen, connection >= 0 ? gapMs : ACCEPT_PAUSE_MS);
    if (connection >= 0) begin(connection);
  }

  function begin(connection: number): void {
    const end = endOf(connection, addon.peerAddress);
    const peer = end === undefined ? undefined : peerOf(end.address);
    if (peer !== undefined && admission.admit(peer)) onConnection(connection, peer);
    else addon.close(connection);
  }

  listen();
  return {
    stop() {
      pause();
      clearTimeout(gap);
    },
  };
}
