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
const PAUSE_MS = 100;

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

  /** What ended it: the queue is empty, connections have no room for more, or the error of accept. */
  function acceptAll(): "empty" | "full" | "failed" {
    let result = 0;
    while (result === 0) {
      if (connections.isFull()) return "full";
      result = acceptOne(addon, socket.fd, { connections, handlers });
    }
    if (result === -EAGAIN) return "empty";
    handlers.onRefused(`accept: ${errorCode(result)}`);
    return "failed";
  }

  function onReadable(): void {
    const ended = acceptAll();
    if (ended === "empty" || stopped) return;
    addon.unpoll(poll);
    const resume = (): void => {
      if (!stopped) poll = startPoll();
    };
    if (ended === "full") connections.onceRoom(resume);
    else timer = setTimeout(resume, PAUSE_MS);
  }

  /** After the last one nobody can come. */
  function drain(): void {
    if (acceptAll() === "full") connections.onceRoom(drain);
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
