/** What a guest has taken of processors, and the time; both in milliseconds. */
export interface Clocks {
  readonly cpuMs: number;
  readonly ms: number;
}

/**
 * A guest has hung when its programs have said nothing for so much of its own CPU time, or, asleep, for so
 * long: a busy machine alone makes it silent for minutes.
 */
const MAX_SILENCE: Clocks = { cpuMs: 300_000, ms: 3_600_000 };

/** A kernel that hangs may say so for ever. */
const FROM_KERNEL = /^\[ *\d+\.\d+\] /;

export interface Watchdog {
  hear(line: string, now: Clocks): void;
  /** Why the guest is to be ended; undefined while it goes on. */
  judge(now: Clocks): string | undefined;
}

export function createWatchdog(start: Clocks): Watchdog {
  let heard = start;
  return {
    hear(line, now) {
      if (!FROM_KERNEL.test(line)) heard = now;
    },
    judge(now) {
      const silent = { cpuMs: now.cpuMs - heard.cpuMs, ms: now.ms - heard.ms };
      const isHung = silent.cpuMs > MAX_SILENCE.cpuMs || silent.ms > MAX_SILENCE.ms;
      const [cpu, all] = [silent.cpuMs, silent.ms].map((ms) => Math.round(ms / 1000));
      return isHung
        ? `The guest has hung: no word for ${all} s, in which it took ${cpu} s of CPU`
        : undefined;
    },
  };
}
