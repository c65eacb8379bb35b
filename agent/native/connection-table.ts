import type { Addon } from "./addon.ts";
import { createScratch, discardFrame, type IncomingFrame } from "./incoming-frame.ts";

declare const connectionId: unique symbol;

/** An open connection of a shim. Using one that has closed does nothing. */
export type Connection = number & { readonly [connectionId]: true };

export interface ListenHandlers {
  /**
   * A whole frame, header included, with the descriptors that came with it: they belong to the receiver. Once
   * per connection. The frame is valid during the call only.
   */
  readonly onRequest: (connection: Connection, frame: Buffer, fds: number[]) => void;
  /** The peer hung up before the reply. The connection is closed already. */
  readonly onGone?: (connection: Connection) => void;
  /**
   * A connection was closed because its peer broke the rules or dawdled (onGone follows if it had a request),
   * or none could be accepted.
   */
  readonly onRefused: (reason: string) => void;
}

/**
 * Each request holds three descriptors, its connection and the pod's two; a process has 1,024 where nobody
 * has raised the limit. Those beyond wait in the kernel's queue: with no room for the descriptors of a frame
 * they would be lost.
 */
export const MAX_SERVED = 300;

/** The addon counts polls from 1. */
export const NO_POLL = 0;

/** An open connection, as it is kept. */
export interface Open {
  readonly id: Connection;
  readonly fd: number;
  readonly handlers: ListenHandlers;
  readonly frame: IncomingFrame;
  phase: "reading" | "serving" | "writing";
  poll: number;
  timer: NodeJS.Timeout | undefined;
  /** What is left to send of the reply. */
  reply: Uint8Array;
}

/** Which connections are open, and how many of them have a request that is served. */
export interface ConnectionTable {
  open(fd: number, handlers: ListenHandlers): Open;
  /** Its request is served from now on, until it is closed. */
  serve(connection: Open): void;
  close(connection: Open): void;
  get(id: Connection): Open | undefined;
  count(): number;
  isFull(): boolean;
  onceRoom(work: () => void): void;
  whenIdle(): Promise<void>;
  /** The memory that every connection begins with. */
  readonly scratch: Buffer;
}

const NO_BYTES = new Uint8Array(0);

export function createConnectionTable(addon: Addon): ConnectionTable {
  const connections = new Map<Connection, Open>();
  const scratch = createScratch();
  const awaitingIdle: (() => void)[] = [];
  const awaitingRoom: (() => void)[] = [];
  let served = 0;
  let lastId = 0;
  return {
    scratch,
    open(fd, handlers) {
      lastId += 1;
      const id = lastId as Connection;
      const frame = { buffer: scratch, length: 0, fds: [] };
      const connection: Open = {
        id,
        fd,
        handlers,
        frame,
        phase: "reading",
        poll: NO_POLL,
        timer: undefined,
        reply: NO_BYTES,
      };
      connections.set(id, connection);
      return connection;
    },
    serve(connection) {
      connection.phase = "serving";
      served++;
    },
    close(connection) {
      connections.delete(connection.id);
      clearTimeout(connection.timer);
      addon.unpoll(connection.poll);
      addon.close(connection.fd);
      discardFrame(addon, connection.frame, scratch);
      if (connection.phase !== "reading") served--;
      if (served < MAX_SERVED) for (const work of awaitingRoom.splice(0)) work();
      if (connections.size === 0) for (const wake of awaitingIdle.splice(0)) wake();
    },
    get: (id) => connections.get(id),
    count: () => connections.size,
    isFull: () => served >= MAX_SERVED,
    onceRoom: (work) => void awaitingRoom.push(work),
    async whenIdle() {
      if (connections.size > 0) await new Promise<void>((resolve) => awaitingIdle.push(resolve));
    },
  };
}
