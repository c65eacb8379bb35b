import { type Clock, pause } from "../../lib/clock.ts";
import { createRehearsal, type Rehearsal } from "./rehearsal.ts";

/** With more an ADD does not become faster (docs/performance.md); takes some 20 ms of CPU. */
const ROUNDS = 20;

/** Leaves the event loop to what else the agent does while it starts. */
const PAUSE_MS = 1;

export interface WarmUpInput {
  readonly clock: Clock;
  /** Whether real requests are in work: those warm up by themselves. */
  readonly isBusy: () => boolean;
  readonly rehearsal?: Pick<Rehearsal, "serve">;
}

/**
 * Rehearses ADDs without the kernel, so that the first pods after a start do not pay for what V8 loads and
 * compiles when it first runs. Stops at the signal.
 */
export async function warmUp(
  { clock, isBusy, rehearsal = createRehearsal({ observe: () => undefined }) }: WarmUpInput,
  signal: AbortSignal,
): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    await pause(clock, PAUSE_MS, signal);
    if (signal.aborted || isBusy()) return;
    await rehearsal.serve(round);
  }
}
