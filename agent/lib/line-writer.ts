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
 * Lines wait while they are not taken, up to {@link MAX_WAITING_BYTES}; those that come then are lost, and so is all that a closed pipe or a full disk
 * refuses. A line that was begun is ended first.
 */
export function createLineWriter({ write, again, clock, onRecovered }: LineWriterInput): LineWriter {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let lost = 0;
  let untold = 0;
  let cancelRetry: (() => void) | undefined;

  function lose(count: number): void {
    lost += count;
    untold += count;
  }

  /** What is left of the bytes that are not taken now; "refused" when they never will be. */
  function put(bytes: Uint8Array): Uint8Array | "refused" {
    let rest = bytes;
    while (rest.length > 0) {
      const taken = write(rest);
      if (taken === again || taken === 0) return rest;
      if (taken < 0) return "refused";
      rest = rest.subarray(taken);
    }
    return rest;
  }

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
      const rest = put(line);
      if (rest === "refused") {
        lose(lines.length - index);
        return true;
      }
      if (rest.length > 0) {
        keep([rest, ...lines.slice(index + 1)]);
        return false;
      }
    }
    if (lines.length > 0) tell();
    return waiting.length === 0;
  }

  /** Lines are taken again. */
  function tell(): void {
    const [count, lostBefore] = [untold, lost];
    if (count === 0) return;
    untold = 0;
    onRecovered(count);
    if (lost > lostBefore) untold += count;
  }

  return {
    write(line) {
      const bytes = Buffer.from(line);
      if (waiting.length > 0) {
        if (waitingBytes + bytes.length > MAX_WAITING_BYTES) return lose(1);
        waiting.push(bytes);
        waitingBytes += bytes.length;
        return;
      }
      const rest = put(bytes);
      if (rest === "refused") return lose(1);
      if (rest.length > 0) keep([rest]);
      else tell();
    },
    lost: () => lost,
    flush,
    abandon: () => keep([]),
  };
}
