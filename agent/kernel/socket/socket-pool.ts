import { THREADS } from "../../native/threads.ts";
import type { Native } from "./native.ts";

export interface SocketPool {
  /** Runs `use` with a socket that nobody else uses meanwhile; waits for one if all are taken. */
  use<Result>(use: (fd: number) => Promise<Result>): Promise<Result>;
  close(): void;
}

/** A few sockets in our own network namespace, opened when first needed. */
export function createSocketPool(
  native: Pick<Native, "openNetlink" | "close">,
  protocol: number,
): SocketPool {
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
      // As many requests as run at the same time.
      if (taken < THREADS) taken += 1;
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
