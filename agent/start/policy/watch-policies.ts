import { messageOf } from "../../lib/errors.ts";
import { listCautions } from "../../plan/policy/advise/list-cautions.ts";
import type { KnownPods } from "../../plan/policy/advise/selects-nobody.ts";
import { isEmptyTable } from "../../plan/policy/compile/policy-table.ts";
import { createDenialTotals, type DenialTotal } from "../../plan/policy/drops/denial-totals.ts";
import { describeDrop } from "../../plan/policy/drops/describe-drop.ts";
import { createDropDescriber } from "../../plan/policy/drops/limit-descriptions.ts";
import { tracePolicies } from "../../plan/policy/trace/trace-policies.ts";
import type { PolicyEngine } from "../../plan/policy/state/policy-engine.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";
import { createEndForbidden, type EndForbidden } from "../../reconcile/policy/end-forbidden.ts";
import type { PolicyAnswer, PolicyQuestion } from "../../report/query.ts";
import type { Base } from "../base.ts";

/** What policies do to traffic, and what of it people hear. */
export interface PolicyWatch {
  /** The kernel has what all policies say, for the first time. */
  begin(engine: PolicyEngine): void;
  /** What became of the kernel's table since. */
  changed(changes: readonly TableChange[]): void;
  /** Rejects while policies are not known. */
  answer(question: PolicyQuestion): Promise<PolicyAnswer>;
  denials(): Promise<readonly DenialTotal[]>;
  /** What policies do that their authors hardly meant; undefined while they are not known. */
  cautions(): readonly string[] | undefined;
  stop(): Promise<void>;
}

/** A node's own addresses seldom change, and packets that are dropped may come by the hundred. */
const ADDRESSES_AGE_MS = 10_000;

/** Hears of drops from now on, and ends connections from `begin` on. */
export function watchPolicies(
  base: Base,
  engine: () => PolicyEngine | undefined,
  knownPods: () => KnownPods,
): PolicyWatch {
  const { config, kernel, log, clock, metrics } = base;
  const { toOwnNode, existingConnections } = config.policy;
  const totals = createDenialTotals();
  const own = createOwnAddresses(base);
  let ender: EndForbidden | undefined;
  const drops = reportDrops(base, engine, own);
  return {
    begin(known) {
      if (existingConnections === "keep") return;
      ender = createEndForbidden({
        table: known.table,
        toOwnNode,
        kernel: kernel.policyTraffic,
        clock,
        onEnded(counts) {
          metrics.countEndedConnections(counts.ended);
          log.info(counts, "Ended connections that policies forbid");
        },
        onError: (error) =>
          log.warn({ error: messageOf(error) }, "Cannot end connections that policies forbid"),
      });
      ender.begin();
    },
    changed: (changes) => ender?.changed(changes),
    async answer(question) {
      const known = engine();
      if (known === undefined) throw new Error("network policies are not known yet");
      await own.refresh();
      const context = { engine: known, nodeName: config.nodeName, isLocal: own.has, toOwnNode };
      const trace = tracePolicies(context, question);
      const faults = isEmptyTable(known.table)
        ? []
        : await kernel.policy.check(known.table, { afresh: true });
      return { trace, faults };
    },
    cautions() {
      const known = engine();
      return known && listCautions({ engine: known, nodeName: config.nodeName, known: knownPods() });
    },
    async denials() {
      const known = engine();
      if (known !== undefined) totals.update(known.table, await kernel.policy.readDenials());
      return totals.list();
    },
    async stop() {
      drops.stop();
      await ender?.stop();
    },
  };
}

function reportDrops(
  { kernel, log, clock, denied }: Base,
  engine: () => PolicyEngine | undefined,
  own: OwnAddresses,
): { stop(): void } {
  const describer = createDropDescriber({
    describe(name, packet) {
      const known = engine();
      if (known === undefined) return undefined;
      own.refresh().catch(() => undefined); // a packet is told by what was known before
      return describeDrop({ engine: known, isLocal: own.has }, name, packet);
    },
    nowMs: () => clock.nowMs(),
  });
  return kernel.policyTraffic.watchDrops(
    (name, packet) => {
      const drop = describer.describe(name, packet);
      if (drop === "left out") denied.leaveOut();
      else if (drop !== undefined) denied.tell(drop);
    },
    (error) => log.warn({ error: messageOf(error) }, "Cannot read which packets policies drop"),
  );
}

interface OwnAddresses {
  /** As it was known a moment ago. */
  has(address: string): boolean;
  refresh(): Promise<void>;
}

function createOwnAddresses({ kernel, clock }: Pick<Base, "kernel" | "clock">): OwnAddresses {
  let addresses: ReadonlySet<string> = new Set();
  let readMs = Number.NEGATIVE_INFINITY;
  return {
    has: (address) => addresses.has(address),
    async refresh() {
      if (clock.nowMs() - readMs < ADDRESSES_AGE_MS) return;
      readMs = clock.nowMs();
      addresses = await kernel.policyTraffic.listOwnAddresses();
    },
  };
}
