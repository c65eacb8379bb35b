/** However many ask, the agent is read once in this time. */
export const FRESH_MS = 1000;

/** What was read, and whether it was for this caller: else it is up to {@link FRESH_MS} old. */
export interface Collected<Value> {
  readonly value: Value;
  readonly isNew: boolean;
}

/**
 * Gives all callers within a second what the first of them had read, and never reads twice at a time. A
 * failure is theirs, too.
 */
export function collectOnce<Value>(
  read: () => Promise<Value>,
  nowMs: () => number,
): () => Promise<Collected<Value>> {
  let last: { readonly startedMs: number; readonly value: Promise<Value> } | undefined;
  let isReading = false;

  function start(): Promise<Value> {
    isReading = true;
    const value = read().finally(() => {
      isReading = false;
    });
    last = { startedMs: nowMs(), value };
    return value;
  }

  return async () => {
    const isOld = last === undefined || nowMs() - last.startedMs >= FRESH_MS;
    if (last === undefined || (isOld && !isReading)) return { value: await start(), isNew: true };
    return { value: await last.value, isNew: false };
  };
}

/** The field that says how old an answer can be, in seconds (RFC 9111, section 5.1). */
export function ageOf({ isNew }: Collected<unknown>): { readonly age: string } {
  return { age: isNew ? "0" : String(FRESH_MS / 1000) };
}
