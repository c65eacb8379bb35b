import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { constants } from "node:os";
import type { Addon } from "../addon.ts";
import { checked, systemError } from "../system-error.ts";
import { AF_UNIX, SOCK_NONBLOCK, SOCK_STREAM, writeFamily } from "./socket-address.ts";

/** sizeof(sockaddr_un.sun_path) of linux/un.h less the final NUL. */
const MAX_PATH = 107;

/** Runtimes start pods in bursts: all of them may wait at once. */
const BACKLOG = 1024;

const { EADDRINUSE, EAGAIN } = constants.errno;

/** A listening unix socket and the file that it made. */
export interface UnixSocket {
  readonly fd: number;
  /** Removes the file, unless another has taken its place. */
  unlink(): void;
}

/**
 * Listens, without blocking, on a socket file of mode 0600. The file of a dead process is replaced;
 * EADDRINUSE if somebody listens, ENOTSOCK if the file is no socket.
 */
export function listenUnix(addon: Addon, path: string): UnixSocket {
  const what = `listen on socket ${JSON.stringify(path)}`;
  const address = unixAddress(what, path);
  const fd = checked(what, "socket", addon.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
  try {
    bindPath(addon, fd, { what, path, address });
    // Nobody can connect before listen(), so nobody can before the mode is set.
    chmodSync(path, 0o600);
    const own = lstatSync(path, { bigint: true });
    checked(what, "listen", addon.listen(fd, BACKLOG));
    return {
      fd,
      unlink() {
        const file = lstatSync(path, { bigint: true, throwIfNoEntry: false });
        if (file?.dev === own.dev && file.ino === own.ino) unlinkSync(path);
      },
    };
  } catch (error) {
    addon.close(fd);
    throw error;
  }
}

/** struct sockaddr_un. */
function unixAddress(what: string, path: string): Buffer {
  const length = Buffer.byteLength(path);
  if (length === 0 || length > MAX_PATH || path.includes("\0")) {
    throw new RangeError(
      `Cannot ${what}: a path has 1 to ${MAX_PATH} bytes, none of them NUL; this one ${length}`,
    );
  }
  const address = Buffer.alloc(2 + length + 1);
  writeFamily(address, AF_UNIX);
  address.write(path, 2);
  return address;
}

interface Place {
  readonly what: string;
  readonly path: string;
  readonly address: Buffer;
}

function bindPath(addon: Addon, fd: number, { what, path, address }: Place): void {
  const result = addon.bind(fd, address);
  if (result !== -EADDRINUSE) {
    checked(what, "bind", result);
    return;
  }
  if (!lstatSync(path).isSocket()) throw systemError(what, "bind", "ENOTSOCK");
  if (isAlive(addon, what, address)) throw systemError(what, "bind", "EADDRINUSE");
  unlinkSync(path);
  checked(what, "bind", addon.bind(fd, address));
}

/** Somebody listens: the connection is taken, or there is no room for it now. */
function isAlive(addon: Addon, what: string, address: Buffer): boolean {
  const probe = checked(what, "socket", addon.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
  const result = addon.connect(probe, address);
  addon.close(probe);
  if (result === -constants.errno.ECONNREFUSED) return false;
  if (result === -EAGAIN) return true;
  checked(what, "connect", result);
  return true;
}
