import type { Clock } from "../../lib/clock.ts";

export interface OverdueStrangersInput {
  readonly clock: Clock;
  /** One more has waited for too long. */
  readonly onOverdue: () => void;
}

/** Pods that the API has not told of are no news: their objects mostly come a moment later. */
const OVERDUE_MS = 10_000;

/** Tells who has been unknown for long. */
export function createOverdueStrangers({ clock, onOverdue }: OverdueStrangersInput) {
  const since = new Map<string, number>();
  let cancel = (): void => undefined;
  const isOverdue = (sinceMs: number): boolean => clock.nowMs() - sinceMs >= OVERDUE_MS;
  const wait = (): void => {
    cancel();
    const next = Math.min(...[...since.values()].filter((sinceMs) => !isOverdue(sinceMs)));
    if (next === Number.POSITIVE_INFINITY) return;
    cancel = clock.after(next + OVERDUE_MS - clock.nowMs(), () => {
      onOverdue();
      wait();
    });
  };
  return {
    /** Addresses that are unknown now. */
    set(addresses: ReadonlySet<string>): void {
      const before = since.size;
      let added = 0;
      for (const address of since.keys()) if (!addresses.has(address)) since.delete(address);
      for (const address of addresses) {
        if (since.has(address)) continue;
        since.set(address, clock.nowMs());
        added++;
      }
      if (added > 0 || since.size < before) wait();
    },
    overdue: (): readonly string[] =>
      [...since].flatMap(([address, sinceMs]) => (isOverdue(sinceMs) ? [address] : [])),
    stop: (): void => cancel(),
  };
}
