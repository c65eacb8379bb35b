import { ApiError } from "../../api/api-error.ts";
import type { Clock } from "../../../lib/clock.ts";

export interface WatchdogOptions {
  readonly clock: Clock;
  /** The request is ended when {@link Watchdog.touch} was not called for this time. */
  readonly silenceMs: number;
  /** The request is ended after this time in any case. */
  readonly totalMs?: number;
}

/** Ends a request that does not move: a half-open connection looks like a quiet cluster. */
export interface Watchdog {
  readonly signal: AbortSignal;
  /** Something arrived. `silenceMs` sets a new limit from here on. */
  touch(silenceMs?: number): void;
  /** The answer is complete, and goes on for as long as it likes: only silence counts from here on. */
  endTotal(): void;
  /** Why the request was ended; undefined when the watchdog did not do it. */
  reason(): ApiError | undefined;
  /** Ends the request for another reason. */
  abort(): void;
  /** Ends the timers. */
  stop(): void;
}

export function createWatchdog({ clock, silenceMs, totalMs }: WatchdogOptions): Watchdog {
  const controller = new AbortController();
  let limitMs = silenceMs;
  let lastMs = clock.nowMs();
  let reason: ApiError | undefined;
  let cancelSilence = (): void => undefined;

  const expire = (message: string): void => {
    reason = new ApiError(message, { reason: "Timeout" });
    controller.abort();
  };
  // Touching only notes the time; the timer looks at it when it fires. A list touches thousands of times.
  const check = (): void => {
    const leftMs = lastMs + limitMs - clock.nowMs();
    if (leftMs <= 0) expire(`the server sent nothing for ${limitMs / 1000} s`);
    else cancelSilence = clock.after(leftMs, check);
  };
  cancelSilence = clock.after(limitMs, check);
  const cancelTotal =
    totalMs === undefined
      ? () => undefined
      : clock.after(totalMs, () => expire(`the answer was not complete after ${totalMs / 1000} s`));

  return {
    signal: controller.signal,
    touch(newSilenceMs = limitMs) {
      lastMs = clock.nowMs();
      if (newSilenceMs === limitMs) return;
      limitMs = newSilenceMs;
      cancelSilence();
      cancelSilence = clock.after(limitMs, check);
    },
    endTotal: () => cancelTotal(),
    reason: () => reason,
    abort: () => controller.abort(),
    stop() {
      cancelSilence();
      cancelTotal();
    },
  };
}

export interface GuardOptions extends WatchdogOptions {
  /** Ends the request, too. */
  readonly closing: AbortSignal;
}

/** Runs one request with a watchdog of its own. */
export async function guarded<T>(
  { closing, ...options }: GuardOptions,
  run: (watchdog: Watchdog) => Promise<T>,
): Promise<T> {
  const watchdog = createWatchdog(options);
  const stop = (): void => watchdog.abort();
  closing.addEventListener("abort", stop, { once: true });
  try {
    closing.throwIfAborted();
    return await run(watchdog);
  } catch (error) {
    throw watchdog.reason() ?? error;
  } finally {
    closing.removeEventListener("abort", stop);
    watchdog.stop();
  }
}
