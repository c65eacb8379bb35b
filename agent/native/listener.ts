import { constants } from "node:os";
import { type Addon, UV_READABLE } from "./addon.ts";
import type { ListenHandlers } from "./connection-table.ts";
import type { Connections } from "./connections.ts";
import { checked, errorCode } from "./system-error.ts";
import { listenUnix } from "./socket/unix-socket.ts";

export interface Listener {
  /**
   * Unlinks the socket, takes what is queued as there is room for it, then accepts no more; running
   * connections go on. May be called twice.
   */
  stop(): void;
}

/**
 * How long to wait when descriptors or memory have run out: the queue stays readable, and asking at once
 * would spin.
 */
export const ACCEPT_PAUSE_MS = 100;

const { EAGAIN, ECONNABORTED, EINTR } = constants.errno;

/** Accepts connections of processes with uid 0 and gives them to `connections`. */
export function createListener(
  addon: Addon,
  connections: Connections,
  { path, handlers }: { readonly path: string; readonly handlers: ListenHandlers },
): Listener {
  const socket = listenUnix(addon, path);
  let timer: NodeJS.Timeout | undefined;
  let poll = startPoll();
  let stopped = false;

  function startPoll(): number {
    const what = `listen on socket ${JSON.stringify(path)}`;
    return checked(what, "epoll_ctl", addon.poll(socket.fd, UV_READABLE, onReadable));
  }

  /** Takes up to `most`. What ended it: that, the queue is empty, there is no room, or an error of accept. */
  function accept(most: number): "taken" | "empty" | "full" | "failed" {
    for (let count = 0; count < most; count++) {
      if (connections.isFull()) return "full";
      const result = acceptOne(addon, socket.fd, { connections, handlers });
      if (result === -EAGAIN) return "empty";
      if (result === 0) continue;
      handlers.onRefused(`accept: ${errorCode(result)}`);
      return "failed";
    }
    return "taken";
  }

  /** The first one is served before anybody looks for others: mostly there are none. */
  function onReadable(): void {
    goOn(accept(1));
  }

  function goOn(ended: ReturnType<typeof accept>): void {
    if (ended === "empty" || stopped) return;
    if (ended === "taken") return void setImmediate(acceptRest);
    addon.unpoll(poll);
    const resume = (): void => {
      if (!stopped) poll = startPoll();
    };
    if (ended === "full") connections.onceRoom(resume);
    else timer = setTimeout(resume, ACCEPT_PAUSE_MS);
  }

  function acceptRest(): void {
    if (!stopped) goOn(accept(Number.POSITIVE_INFINITY));
  }

  /** After the last one nobody can come. */
  function drain(): void {
    if (accept(Number.POSITIVE_INFINITY) === "full") connections.onceRoom(drain);
    else addon.close(socket.fd);
  }

  return {
    stop() {
      if (stopped) return;
      stopped = true;
      clearTimeout(timer);
      addon.unpoll(poll);
      // Once the file is gone and the socket shut down nobody can queue any more: connect() fails at once,
      // and the queue is emptied.
      socket.unlink();
      addon.shutdown(socket.fd);
      drain();
    },
  };
}

interface Receiver {
  readonly connections: Pick<Connections, "add">;
  readonly handlers: ListenHandlers;
}

/** Takes one connection; a negative error number when there is none. */
function acceptOne(addon: Addon, socket: number, { connections, handlers }: Receiver): number {
  const fd = addon.accept(socket);
  if (fd === -EINTR || fd === -ECONNABORTED) return 0;
  if (fd < 0) return fd;
  const uid = addon.peerUid(fd);
  if (uid === 0) {
    connections.add(fd, handlers);
  } else {
    addon.close(fd);
    handlers.onRefused(uid < 0 ? `peer: ${errorCode(uid)}` : `peer has uid ${uid}, not 0`);
  }
  return 0;
}
