import type { Clock } from "./clock.ts";

export interface LineWriterInput {
  /** Writes without waiting: gives how much it took, or a negative error number. */
  readonly write: (bytes: Uint8Array) => number;
  /** The error number of `write` that means: not now. */
  readonly again: number;
  readonly clock: Pick<Clock, "after">;
  /** Hears how many lines were lost, once lines are taken again. */
  readonly onRecovered: (lost: number) => void;
}

/** Writes lines in their order to who may not read them, and never waits for him. */
export interface LineWriter {
  /** `line` ends with a line feed. */
  write(line: string): void;
  /** How many lines were lost since the start. */
  lost(): number;
  /** Tries to write what waits, now. Gives whether nothing waits any more. */
  flush(): boolean;
  /** Gives up what waits: no timer is left. */
  abandon(): void;
}

/** What is kept while nobody reads: some thousand lines. */
const MAX_WAITING_BYTES = 256 * 1024;
const RETRY_MS = 50;

/**
 * Lines wait while they are not taken, up to {@link MAX_WAITING_BYTES}; those that come then are lost, and so
 * is all that a closed pipe or a full disk refuses. A line that was begun is ended first.
 */
export function createLineWriter({ write, again, clock, onRecovered }: LineWriterInput): LineWriter {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let cancelRetry: (() => void) | undefined;
  const losses = countLosses(onRecovered);
  const writeSome = (bytes: Uint8Array): Uint8Array | "refused" => writeRest(write, again, bytes);

  function keep(lines: Uint8Array[]): void {
    waiting = lines;
    waitingBytes = lines.reduce((sum, { length }) => sum + length, 0);
    if (lines.length > 0) cancelRetry ??= clock.after(RETRY_MS, retry);
    else stopRetrying();
  }

  function retry(): void {
    cancelRetry = undefined;
    flush();
  }

  function stopRetrying(): void {
    cancelRetry?.();
    cancelRetry = undefined;
  }

  function flush(): boolean {
    const lines = waiting;
    keep([]);
    for (const [index, line] of lines.entries()) {
      const rest = writeSome(line);
      if (rest === "refused") {
        losses.add(lines.length - index);
        return true;
      }
      if (rest.length > 0) {
        keep([rest, ...lines.slice(index + 1)]);
        return false;
      }
    }
    if (lines.length > 0) losses.report();
    return waiting.length === 0;
  }

  return {
    write(line) {
      const bytes = Buffer.from(line);
      if (waiting.length > 0) {
        if (waitingBytes + bytes.length > MAX_WAITING_BYTES) return losses.add(1);
        waiting.push(bytes);
        waitingBytes += bytes.length;
        return;
      }
      const rest = writeSome(bytes);
      if (rest === "refused") return losses.add(1);
      if (rest.length > 0) keep([rest]);
      else losses.report();
    },
    lost: losses.total,
    flush,
    abandon: () => keep([]),
  };
}

/** What is left of the bytes that are not taken now; "refused" when they never will be. */
function writeRest(
  write: LineWriterInput["write"],
  again: number,
  bytes: Uint8Array,
): Uint8Array | "refused" {
  let rest = bytes;
  while (rest.length > 0) {
    const taken = write(rest);
    if (taken === again || taken === 0) return rest;
    if (taken < 0) return "refused";
    rest = rest.subarray(taken);
  }
  return rest;
}

interface Losses {
  /** Lines were lost. */
  add(count: number): void;
  /** Lines are taken again: says how many were lost meanwhile. */
  report(): void;
  total(): number;
}

function countLosses(onRecovered: (lost: number) => void): Losses {
  let total = 0;
  let unreported = 0;
  return {
    add(count) {
      total += count;
      unreported += count;
    },
    report() {
      const [count, before] = [unreported, total];
      if (count === 0) return;
      unreported = 0;
      // What it is reported with may be lost itself.
      onRecovered(count);
      if (total > before) unreported += count;
    },
    total: () => total,
  };
}
