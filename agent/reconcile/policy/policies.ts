import { digestOf } from "./digest.ts";
import type { PolicyKernel } from "../../kernel/policy/policy-kernel.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Readiness } from "../../lib/readiness.ts";
import type { Log } from "../../log/log.ts";
import type { PolicyCounts } from "../../metrics/policy-metrics.ts";
import type { Family } from "../../net/address.ts";
import { describePod } from "../../plan/pods/attachment.ts";
import type { PodNetwork } from "../../plan/policy/compile/table-sets.ts";
import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";
import { createPolicyEngine, type PolicyEngine } from "../../plan/policy/state/policy-engine.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";
import { planWatches, type WatchNeeds } from "../../plan/policy/watches.ts";
import { countPolicies } from "./count-policies.ts";
import { createOverdueStrangers } from "./overdue-strangers.ts";
import type { FormerPods } from "./former-pods.ts";
import { createPodAdmission, type PodAdmission } from "./pod-admission.ts";
import { createPolicyQueue, type PolicyQueue } from "./policy-queue.ts";
import {
  createPolicyProblems,
  type PolicyProblems,
  type PolicyProblemsInput,
} from "./report-policy-problems.ts";

/** Where objects come from: see PolicySource of kube/policies. */
export interface FollowedObjects {
  follow(needs: WatchNeeds): void;
  isComplete(): boolean;
  faults(): readonly string[];
  notices(): readonly string[];
  watches(): number;
}

export interface PoliciesInput extends Omit<PolicyProblemsInput, "readiness" | "log"> {
  readonly kernel: Pick<PolicyKernel, "ensure" | "apply" | "remove">;
  readonly former: FormerPods;
  /**
   * Opens the source, which tells what becomes of objects by the function that it is given, and not before it
   * has returned.
   */
  readonly open: (hear: (changes: readonly ObjectChange[], isUrgent: boolean) => void) => FollowedObjects;
  readonly nodeName: string;
  /** Whether pods may start before policies are known. */
  readonly start: "open" | "closed";
  readonly readiness: Pick<Readiness, "set" | "warn">;
  readonly log: Log;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly onRepair: (kind: string, fault: string) => void;
  /** Hears how long it took from an event until the kernel had what became of it. */
  readonly onWritten: (seconds: number) => void;
  /** The kernel has what all policies say, for the first time. */
  readonly onInForce?: (engine: PolicyEngine) => void;
  /** What became of the kernel's table since. */
  readonly onChanged?: (changes: readonly TableChange[]) => void;
}

/** What a node needs to know before it can tell whose address is a pod's. */
export interface KnownNetwork {
  readonly network: PodNetwork;
  /** Of this node's pods. */
  readonly families: readonly Family[];
}

/** Network policies of this node's pods, from objects to the kernel. */
export interface Policies extends Omit<PodAdmission, "written" | "attachments"> {
  /** PodCIDRs of the cluster, as they are now that all nodes are known. Identical objects are no news. */
  setNetwork(known: KnownNetwork): void;
  /** Puts right what somebody else may have changed. */
  verify(): Promise<void>;
  /** Undefined before objects and PodCIDRs are known. */
  engine(): PolicyEngine | undefined;
  counts(): PolicyCounts;
  stop(): Promise<void>;
}

/**
 * What a change needs from watches that have just begun is waited for no longer than this: it may forbid
 * something.
 */
const MAX_HOLD_MS = 1000;

const PART = "network policies";

/** The state of {@link createPolicies}. */
interface State {
  readonly input: PoliciesInput;
  readonly queue: PolicyQueue;
  readonly admission: PodAdmission;
  readonly source: FollowedObjects;
  readonly problems: PolicyProblems;
  readonly strangers: ReturnType<typeof createOverdueStrangers>;
  engine: PolicyEngine | undefined;
  known: KnownNetwork | undefined;
  /** What is followed at present, as text; undefined before the engine has said. */
  needs: string | undefined;
  /** Of the engine's selectors, when it was last asked what it needs. */
  listsVersion: number | undefined;
  cancelHold: (() => void) | undefined;
  /** Whether the kernel has had what the engine says. */
  isInForce: boolean;
}

export function createPolicies(input: PoliciesInput): Policies {
  const state = createState(input);
  const { queue, admission, source } = state;
  reportWaiting(state);
  return {
    ...admission,
    setNetwork: (known) => setNetwork(state, known),
    verify: queue.verify,
    engine: () => state.engine,
    counts: () =>
      countPolicies({
        engine: state.engine,
        attachments: admission.attachments(),
        watches: source.watches(),
      }),
    async stop() {
      state.cancelHold?.();
      state.strangers.stop();
      await Promise.all([queue.stop(), input.former.stop()]);
    },
  };
}

function createState(input: PoliciesInput): State {
  const { readiness, log, clock, start } = input;
  const queue = createPolicyQueue({
    ...input,
    onPlanned: (isRelabelled) => planned(state(), isRelabelled),
    onWritten: (changes, waitedMs) => written(state(), changes, waitedMs),
    onRepair(fault) {
      log.warn({ kind: "policy", fault }, "Repaired drift");
      input.onRepair("policy", fault);
    },
    onFault: (fault) => readiness.set(PART, fault),
  });
  const admission = createPodAdmission({
    queue,
    engine: () => state().engine,
    former: input.former,
    clock,
    start,
    reason: () => unknownReason(state()),
    onStranger: (title) =>
      log.info(
        {},
        `The policies of ${title} are unknown, or not in the kernel yet: it is isolated until they are`,
      ),
  });
  const made: State = {
    input,
    queue,
    admission,
    source: input.open((changes, isUrgent) => hear(state(), changes, isUrgent)),
    problems: createPolicyProblems(input),
    strangers: createOverdueStrangers({ clock, onOverdue: () => report(state()) }),
    engine: undefined,
    known: undefined,
    needs: undefined,
    listsVersion: undefined,
    cancelHold: undefined,
    isInForce: false,
  };
  function state(): State {
    return made;
  }
  return made;
}

function hear(state: State, changes: readonly ObjectChange[], isUrgent: boolean): void {
  const { queue } = state;
  // What is refused is told as a fault of the queue.
  if (isUrgent && queue.isOpen()) queue.commit(changes).catch(() => undefined);
  else queue.gather(changes);
  step(state);
  report(state);
}

function planned(state: State, isRelabelled: boolean): void {
  // Pods come and go without asking for more, unless they are the first or the last of a group.
  const isOther = state.engine?.listsVersion() !== state.listsVersion;
  if (isOther || isRelabelled) replan(state);
  step(state);
  report(state);
}

function written(state: State, changes: readonly TableChange[], waitedMs: number | undefined): void {
  const { input, strangers, admission, engine } = state;
  if (waitedMs !== undefined) input.onWritten(waitedMs / 1000);
  if (!state.isInForce && engine !== undefined) input.onInForce?.(engine);
  else input.onChanged?.(changes);
  state.isInForce = true;
  strangers.set(engine?.strangers() ?? new Set());
  admission.written();
  report(state);
}

function report({ source, problems, strangers, admission, engine }: State): void {
  const overdue = new Set(strangers.overdue());
  const titles = [...admission.attachments().values()]
    .filter(({ addresses }) => addresses.some((address) => overdue.has(address)))
    .map(describePod);
  problems.report({
    faults: source.faults(),
    unread: engine?.policies.faulty.values() ?? [],
    notices: source.notices(),
    strangers: titles,
  });
}

function setNetwork(state: State, known: KnownNetwork): void {
  const before = state.known;
  state.known = known;
  if (before?.network === known.network) return;
  if (state.engine !== undefined) state.queue.gather([{ kind: "pod network", network: known.network }]);
  step(state);
}

/** Asks for what the engine needs by now; changes that need it wait for it a moment. */
function replan(state: State): void {
  const { engine, source, queue, input } = state;
  if (engine === undefined) return;
  state.listsVersion = engine.listsVersion();
  const needs = planWatches(engine);
  const text = describeNeeds(needs);
  if (text === state.needs) return;
  state.needs = text;
  source.follow(needs);
  if (!queue.isOpen() || source.isComplete()) return;
  queue.hold();
  state.cancelHold ??= input.clock.after(MAX_HOLD_MS, () => release(state));
}

function describeNeeds({ pods, nodes }: WatchNeeds): string {
  return JSON.stringify([nodes, pods.kind === "namespaces" ? [...pods.namespaces] : pods]);
}

/**
 * Goes on to what is possible by now: first the engine, which tells what else must be known, then the kernel.
 */
function step(state: State): void {
  const { input, queue, admission, source, known } = state;
  if (state.engine === undefined) {
    reportWaiting(state);
    if (known === undefined || !source.isComplete()) return;
    state.engine = createPolicyEngine({ nodeName: input.nodeName, digestOf, ...known });
    queue.begin(state.engine);
    return;
  }
  if (state.needs === undefined || !source.isComplete()) {
    reportWaiting(state);
    return;
  }
  if (!queue.isOpen()) {
    queue.open();
    input.readiness.set(PART, undefined);
    input.log.info({ policies: state.engine.policies.size }, "Network policies are known");
    admission.written();
  } else if (state.cancelHold !== undefined) release(state);
}

function release(state: State): void {
  state.cancelHold?.();
  state.cancelHold = undefined;
  state.queue.release();
}

function reportWaiting(state: State): void {
  if (state.queue.isOpen()) return;
  if (state.input.start === "closed") state.input.readiness.set(PART, unknownReason(state));
}

function unknownReason({ source }: State): string {
  return `Network policies are not known yet: ${source.faults()[0] ?? "waiting for the first lists"}`;
}
