import { constants } from "node:os";
import { type Addon, UV_READABLE } from "./addon.ts";
import type { Connections, ListenHandlers } from "./connections.ts";
import { checked, errorCode } from "./system-error.ts";
import { listenUnix } from "./unix-socket.ts";

export interface Listener {
  /** Unlinks the socket, takes what is queued, then accepts no more; running connections go on. May be called twice. */
  stop(): void;
}

/** How long to wait when descriptors or memory have run out: the queue stays readable, and asking at once would spin. */
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

  /** Takes one connection; a negative error number when there is none. */
  function acceptOne(): number {
    const fd = addon.accept(socket.fd);
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

  function acceptAll(): number {
    let result = 0;
    while (result === 0) result = acceptOne();
    if (result !== -EAGAIN) handlers.onRefused(`accept: ${errorCode(result)}`);
    return result;
  }

  function onReadable(): void {
    if (acceptAll() === -EAGAIN || stopped) return;
    addon.unpoll(poll);
    timer = setTimeout(() => {
      poll = startPoll();
    }, PAUSE_MS);
  }

  return {
    stop() {
      if (stopped) return;
      stopped = true;
      clearTimeout(timer);
      addon.unpoll(poll);
      // Once the file is gone and the socket shut down nobody can queue any more: connect() fails at once, and the queue is emptied.
      socket.unlink();
      addon.shutdown(socket.fd);
      acceptAll();
      addon.close(socket.fd);
    },
  };
}
