import type { Log } from "../log.ts";

/** Something that fails, for readers and for comparison. */
export interface Fault {
  /** Sentence for log and readiness. */
  readonly text: string;
  /** Faults of one key are the same fault going on, even if the text varies. */
  readonly key: string;
}

export interface FaultStateOptions {
  readonly log: Log;
  /** Logged when the fault is over. */
  readonly recovered: string;
  readonly onChange: () => void;
}

/** Keeps the present fault of a source and logs each change of it once, however often it is tried again. */
export interface FaultState {
  set(fault: Fault): void;
  clear(): void;
  current(): Fault | undefined;
}

export function createFaultState({ log, recovered, onChange }: FaultStateOptions): FaultState {
  let current: Fault | undefined;
  return {
    set(fault) {
      const isKnown = current?.key === fault.key;
      current = fault;
      if (isKnown) {
        log.debug({}, fault.text);
        return;
      }
      log.warn({}, fault.text);
      onChange();
    },
    clear() {
      if (current === undefined) return;
      log.info({ fault: current.text }, recovered);
      current = undefined;
      onChange();
    },
    current: () => current,
  };
}
