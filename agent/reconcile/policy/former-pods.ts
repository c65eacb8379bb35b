import type { PolicyTraffic } from "../../kernel/policy/policy-traffic.ts";
import type { Clock } from "../../lib/clock.ts";
import { createRunner } from "../runner/runner.ts";

export interface FormerPodsInput {
  readonly kernel: Pick<PolicyTraffic, "forgetPods">;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/**
 * Connections of pods that are gone: established ones pass, so that none may be left when somebody else gets
 * the address.
 */
export interface FormerPods {
  /** A pod that had these addresses is gone, and nobody has them yet. */
  gone(addresses: readonly string[]): void;
  /** Resolves when the kernel knows no connections of who had these addresses before. */
  forgotten(addresses: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** As for connections that end: see end-forbidden.ts. */
const INTERVALS = { minIntervalMs: 450, retryIntervalMs: 200, maxIntervalMs: 600_000 };

export function createFormerPods({ kernel, clock, onError }: FormerPodsInput): FormerPods {
  const due = new Set<string>();
  const runner = createRunner(
    async () => {
      const addresses = new Set(due);
      if (addresses.size === 0) return;
      await kernel.forgetPods(addresses);
      for (const address of addresses) due.delete(address);
    },
    { ...INTERVALS, clock, onError },
  );
  return {
    gone(addresses) {
      for (const address of addresses) due.add(address);
      runner.trigger();
    },
    async forgotten(addresses) {
      // IPAM gives the address last that was freed last: this is rare.
      while (addresses.some((address) => due.has(address))) await runner.run();
    },
    stop: runner.stop,
  };
}
