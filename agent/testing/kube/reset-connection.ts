import type { Socket } from "node:net";

/**
 * Resets a connection. One whose end is on its way is destroyed instead: libuv refuses to reset it
 * (uv_tcp_close_reset of src/unix/tcp.c), Node.js keeps its handle for ever, and a process that has such a
 * handle spins when it exits.
 */
export function resetConnection(socket: Socket | null): void {
  if (socket?.writableEnded) socket.destroy();
  else socket?.resetAndDestroy();
}
