import type { PolicyTraffic } from "../../kernel/policy/policy-traffic.ts";
import type { Clock } from "../../lib/clock.ts";
import { createRunner } from "../runner/runner.ts";

export interface FormerPodsInput {
  readonly kernel: Pick<PolicyTraffic, "forgetPods">;
  readonly clock: Clock;
  /** Whether an address is one of those that this node's pods get. */
  readonly isOfPods: (address: string) => boolean;
  /** Whether policies may isolate pods: where there are none, who comes next is allowed everything. */
  readonly isNeeded: () => boolean;
  readonly onError: (error: unknown) => void;
}

/**
 * Connections of pods that are gone: established ones pass, so that none may be left when somebody else gets
 * the address.
 */
export interface FormerPods {
  /** Somebody has these addresses, and their connections are his own. */
  held(addresses: readonly string[]): void;
  /** A pod that had these addresses is gone, and nobody has them yet. */
  gone(addresses: readonly string[]): void;
  /** Resolves when the kernel knows no connections of who had these addresses before. */
  forgotten(addresses: readonly string[]): Promise<void>;
  /** To be called when it may be needed from now on. */
  look(): void;
  stop(): Promise<void>;
}

/** As for connections that end: see end-forbidden.ts. */
const INTERVALS = { minIntervalMs: 450, retryIntervalMs: 200, maxIntervalMs: 600_000 };

export function createFormerPods(input: FormerPodsInput): FormerPods {
  const { kernel, clock, isOfPods, isNeeded, onError } = input;
  const holders = new Set<string>();
  const due = new Set<string>();
  /**
   * Addresses may have become free unheeded, so that all that nobody has are due: before this agent came, and
   * whenever it was not needed.
   */
  let unheeded = 1;
  let heeded = 0;
  const runner = createRunner(
    async () => {
      const isAll = heeded < unheeded;
      if (due.size === 0 && !isAll) return;
      const [addresses, upTo] = [new Set(due), unheeded];
      await kernel.forgetPods(
        (address) => addresses.has(address) || (isAll && isOfPods(address) && !holders.has(address)),
      );
      for (const address of addresses) due.delete(address);
      heeded = upTo;
    },
    { ...INTERVALS, clock, onError },
  );
  const isDue = (address: string): boolean => heeded < unheeded || due.has(address);
  return {
    held(addresses) {
      for (const address of addresses) holders.add(address);
    },
    gone(addresses) {
      for (const address of addresses) holders.delete(address);
      if (!isNeeded()) {
        unheeded++;
        return;
      }
      for (const address of addresses) due.add(address);
      runner.trigger();
    },
    async forgotten(addresses) {
      // IPAM gives the address last that was freed last: this is rare.
      while (isNeeded() && addresses.some(isDue)) await runner.run();
    },
    look() {
      if (heeded < unheeded && isNeeded()) runner.trigger();
    },
    stop: runner.stop,
  };
}
