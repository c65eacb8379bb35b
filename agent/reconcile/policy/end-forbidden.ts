import type { PolicyTraffic } from "../../kernel/policy/policy-traffic.ts";
import type { Clock } from "../../lib/clock.ts";
import { type AffectedPods, createAffectedPods } from "../../plan/policy/connections/affected-pods.ts";
import { isForbidden } from "../../plan/policy/connections/is-forbidden.ts";
import { POD_MAPS, type PolicyTable } from "../../plan/policy/compile/policy-table.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";
import { createRunner } from "../runner/runner.ts";

export interface EndForbiddenInput {
  readonly table: PolicyTable;
  readonly toOwnNode: "enforce" | "allow";
  readonly kernel: Pick<PolicyTraffic, "endConnections" | "listOwnAddresses">;
  readonly clock: Clock;
  readonly onEnded: (counts: { readonly ended: number; readonly released: number }) => void;
  readonly onError: (error: unknown) => void;
}

/** Ends connections that policies forbid since a change, within a second of it. */
export interface EndForbidden {
  /**
   * Judges all connections of pods: once the table is what all policies say, after a start. Nothing is judged
   * before.
   */
  begin(): void;
  /** The kernel has these changes now. */
  changed(changes: readonly TableChange[]): void;
  /** Connections that were ended and still are known to the kernel, as far as they were read. */
  marked(): number;
  stop(): Promise<void>;
}

/** Each run lets the kernel walk through its whole table of connections, some 9 ms: at most 2 % of a core. */
const INTERVALS = { minIntervalMs: 450, retryIntervalMs: 200, maxIntervalMs: 600_000 };

/**
 * An ADD that changes the table is in the middle of its work, and its pod has sent nothing yet: to walk
 * through all connections beside it would only hold it up.
 */
const AFTER_CHANGE_MS = 100;

export function createEndForbidden(input: EndForbiddenInput): EndForbidden {
  const { table, toOwnNode, kernel, clock, onEnded, onError } = input;
  const affected: AffectedPods = createAffectedPods();
  let isBegun = false;
  /** What is not known counts as there: after a start, and after a failure, everything is judged. */
  let isAllDue = true;
  let marked = 0;
  let cancelTrigger: (() => void) | undefined;
  const runner = createRunner(
    async () => {
      const changed = affected.take(table, marked > 0);
      const addresses = isAllDue ? podsOf(table) : changed;
      if (!isAllDue && addresses.size === 0) return;
      isAllDue = true;
      const own = await kernel.listOwnAddresses();
      const side = { isLocal: (address: string) => own.has(address), toOwnNode };
      const counts = await kernel.endConnections(addresses, (packet) => isForbidden(table, packet, side));
      isAllDue = false;
      marked = counts.marked;
      if (counts.ended > 0 || counts.released > 0) onEnded(counts);
    },
    { ...INTERVALS, clock, onError },
  );
  return {
    begin() {
      isBegun = true;
      runner.trigger();
    },
    changed(changes) {
      affected.note(changes);
      if (!isBegun || changes.length === 0) return;
      cancelTrigger ??= clock.after(AFTER_CHANGE_MS, () => {
        cancelTrigger = undefined;
        runner.trigger();
      });
    },
    marked: () => marked,
    async stop() {
      cancelTrigger?.();
      await runner.stop();
    },
  };
}

function podsOf({ pods }: PolicyTable): ReadonlySet<string> {
  const addresses = new Set<string>();
  for (const map of POD_MAPS) for (const address of pods[map].keys()) addresses.add(address);
  return addresses;
}
