import { setImmediate } from "node:timers/promises";
import type { PolicyKernel, Join } from "../../kernel/policy/policy-kernel.ts";
import { backOffMs } from "../../lib/back-off.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { isEmptyTable, type PolicyTable } from "../../plan/policy/compile/policy-table.ts";
import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";
import type { PolicyEngine } from "../../plan/policy/state/policy-engine.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";

export interface PolicyQueueInput {
  readonly kernel: Pick<PolicyKernel, "ensure" | "apply" | "remove">;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The engine has taken changes, with namespaces among them or not, and the kernel has not yet. */
  readonly onPlanned: (isRelabelled: boolean) => void;
  /**
   * The kernel has all that the engine knows; `changes`: what became of the table with it. `waitedMs`: the
   * longest that one of the objects has waited for it, if they changed the table.
   */
  readonly onWritten: (changes: readonly TableChange[], waitedMs: number | undefined) => void;
  /** Hears what somebody else had changed, and was put right. */
  readonly onRepair: (fault: string) => void;
  /** Hears why the table cannot be as it must be; undefined: it is. */
  readonly onFault: (fault: string | undefined) => void;
}

/**
 * One queue from objects to the kernel: the engine takes what waits, works on it in turns that let the event
 * loop go on, and one transaction at a time brings what became of it. Attachments, policies and namespaces
 * never wait behind other objects.
 */
export interface PolicyQueue {
  /** Takes changes that may wait a moment for others. */
  gather(changes: readonly ObjectChange[]): void;
  /**
   * Takes changes now; resolves when the kernel has what became of attachments, rejects when it refuses that.
   * `join` takes along what is one transaction, unless somebody else waits for it, too.
   */
  commit(changes: readonly ObjectChange[], join?: Join): Promise<void>;
  /** From here on changes go through the engine, and not to the kernel before `open`: what that has stays. */
  begin(engine: PolicyEngine): void;
  /** From here on the kernel has what the engine says, whatever it had before. */
  open(): void;
  isOpen(): boolean;
  /** Leads no pod to chains that look for pods which are not known yet, until `release`. */
  hold(): void;
  release(): void;
  /** Has the table put right, if somebody else has changed it; resolves, or rejects, when that is done. */
  verify(): Promise<void>;
  /** Nothing is written any more. */
  stop(): Promise<void>;
}

/** Pods of other nodes come in bursts, and a transaction costs more than a change. */
const GATHER_MS = 5;
const RETRY = { baseMs: 200, maxMs: 10_000 };

/** Elements in a turn: some 20 ms of the event loop, and as much of the kernel. */
const LOOKS_PER_TURN = 2048;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
  readonly join: Join | undefined;
}

interface State {
  readonly input: PolicyQueueInput;
  engine: PolicyEngine | undefined;
  /** Whether the engine has been asked, were there objects or not. */
  isPlanned: boolean;
  /** Whether it has taken namespaces since. */
  isRelabelled: boolean;
  /** Whether the kernel has had all that the engine knew. */
  isBegun: boolean;
  isOpen: boolean;
  isHeld: boolean;
  isStopped: boolean;
  /** Not with the engine yet. */
  pending: ObjectChange[];
  /** When the first of what the kernel does not have came. */
  sinceMs: number | undefined;
  /** Who waits for what the kernel does not have. */
  waiting: Waiting[];
  /** What became of the table since `onWritten` was told. */
  untold: TableChange[];
  /**
   * How the kernel's table came about: "kept" by this queue, "absent" because it is not needed, or by
   * somebody.
   */
  table: "unknown" | "kept" | "absent";
  isVerifying: boolean;
  running: Promise<void> | undefined;
  failures: number;
  cancelGather: (() => void) | undefined;
  cancelRetry: (() => void) | undefined;
}

export function createPolicyQueue(input: PolicyQueueInput): PolicyQueue {
  const state = createState(input);
  const wait = (join?: Join): Promise<void> =>
    new Promise((resolve, reject) => {
      state.waiting.push({ resolve, reject, join });
      run(state);
    });
  return {
    gather(changes) {
      enqueue(state, changes);
      state.cancelGather ??= input.clock.after(GATHER_MS, () => {
        state.cancelGather = undefined;
        run(state);
      });
    },
    commit(changes, join) {
      enqueue(state, changes);
      return wait(join);
    },
    begin(engine) {
      state.engine = engine;
      run(state);
    },
    open() {
      state.isOpen = true;
      run(state);
    },
    isOpen: () => state.isOpen,
    hold() {
      state.isHeld = true;
    },
    release() {
      state.isHeld = false;
      run(state);
    },
    async verify() {
      if (!state.isOpen) return;
      state.isVerifying = true;
      await wait();
    },
    async stop() {
      state.isStopped = true;
      state.cancelGather?.();
      state.cancelRetry?.();
      await state.running;
    },
  };
}

function createState(input: PolicyQueueInput): State {
  return {
    input,
    engine: undefined,
    isPlanned: false,
    isRelabelled: false,
    isBegun: false,
    isOpen: false,
    isHeld: false,
    isStopped: false,
    pending: [],
    sinceMs: undefined,
    waiting: [],
    untold: [],
    table: "unknown",
    isVerifying: false,
    running: undefined,
    failures: 0,
    cancelGather: undefined,
    cancelRetry: undefined,
  };
}

function enqueue(state: State, changes: readonly ObjectChange[]): void {
  for (const change of changes) state.pending.push(change);
  if (changes.length > 0) state.sinceMs ??= state.input.clock.nowMs();
}

function run(state: State): void {
  if (state.running !== undefined || state.isStopped) return;
  // Whoever has something for the queue in the same turn of the event loop goes along.
  state.running = Promise.resolve()
    .then(() => work(state))
    .then(() => (state.engine?.isBusy() === true ? setImmediate() : undefined))
    .finally(() => {
      state.running = undefined;
      if (hasWork(state) && state.cancelRetry === undefined) run(state);
    });
}

function hasWork({ engine, isBegun, isOpen, isHeld, pending, waiting, cancelGather }: State): boolean {
  if (engine === undefined) return false;
  if (engine.isBusy() || (pending.length > 0 && cancelGather === undefined)) return true;
  return isOpen && waiting.length > 0 && (isBegun || !isHeld);
}

async function work(state: State): Promise<void> {
  const { engine, input } = state;
  state.cancelGather?.();
  state.cancelGather = undefined;
  if (engine === undefined) return;
  const changes = plan(state, engine);
  if (changes === undefined) return;
  // A table that an agent before has left stays until this one is whole.
  if (!state.isOpen || (!state.isBegun && !engine.isSettled())) return;
  const { waiting, sinceMs } = state;
  state.waiting = [];
  state.sinceMs = undefined;
  state.cancelRetry?.();
  state.cancelRetry = undefined;
  try {
    await write(state, { table: engine.table, changes, join: soleJoin(waiting) });
  } catch (error) {
    fail(state, error);
    state.sinceMs ??= sinceMs;
    for (const { reject } of waiting) reject(error);
    return;
  }
  if (state.failures > 0) input.onFault(undefined);
  state.failures = 0;
  state.isBegun = true;
  const isWhole = engine.isSettled();
  if (!isWhole) state.sinceMs ??= sinceMs;
  const told = state.untold.splice(0);
  const isTimed = isWhole && sinceMs !== undefined && told.length > 0;
  input.onWritten(told, isTimed ? input.clock.nowMs() - sinceMs : undefined);
  for (const { resolve } of waiting) resolve();
}

/**
 * Lets the engine do a turn's work, and answers what became of the table; undefined: policies are still to be
 * read, and nobody is answered without them.
 */
function plan(state: State, engine: PolicyEngine): readonly TableChange[] | undefined {
  const objects = state.pending;
  state.pending = [];
  if (objects.length > 0 || !state.isPlanned || engine.isBusy()) {
    engine.take(objects);
    engine.advance(LOOKS_PER_TURN);
    state.isRelabelled ||= objects.some(({ kind }) => kind === "namespace");
    if (engine.isBehind()) return undefined;
    state.isPlanned = true;
    state.input.onPlanned(state.isRelabelled);
    state.isRelabelled = false;
  }
  const changes = engine.collect(state.isHeld);
  for (const change of changes) state.untold.push(change);
  return changes;
}

/** Of many that wait each has its own, and none is worth more than one transaction for all. */
function soleJoin([only, ...others]: readonly Waiting[]): Join | undefined {
  return others.length === 0 ? only?.join : undefined;
}

interface Writing {
  readonly table: PolicyTable;
  readonly changes: readonly TableChange[];
  readonly join: Join | undefined;
}

/** Brings the kernel's table from what it is, as far as that is known, to what the engine says. */
async function write(state: State, { table, changes, join }: Writing): Promise<void> {
  const { kernel, onRepair } = state.input;
  const { table: before, isVerifying } = state;
  state.isVerifying = false;
  // Until it has succeeded nobody knows what the kernel has.
  state.table = "unknown";
  if (isEmptyTable(table)) {
    if (before !== "absent") await kernel.remove();
    state.table = "absent";
    return;
  }
  if (before === "kept" && !isVerifying) await apply(state, { table, changes, join });
  else {
    const faults = await kernel.ensure(table);
    if (before === "kept" && changes.length === 0) for (const fault of faults) onRepair(fault);
  }
  state.table = "kept";
}

/**
 * What the kernel refuses because somebody has changed the table meanwhile, it takes with the table as a
 * whole.
 */
async function apply(
  { input: { kernel, onRepair } }: State,
  { table, changes, join }: Writing,
): Promise<void> {
  if (changes.length === 0) return;
  try {
    await kernel.apply(changes, join);
  } catch (error) {
    await kernel.ensure(table);
    onRepair(`the kernel refused a change of the policy table, which was rebuilt: ${messageOf(error)}`);
  }
}

/** What was not written is in the engine's table, which is made as a whole with the next try. */
function fail(state: State, error: unknown): void {
  const { clock, random, onFault } = state.input;
  state.failures++;
  onFault(`Cannot enforce network policies: ${messageOf(error)}`);
  if (state.isStopped) return;
  const waitMs = backOffMs(state.failures, { ...RETRY, random });
  state.cancelRetry?.();
  state.cancelRetry = clock.after(waitMs, () => {
    state.cancelRetry = undefined;
    run(state);
  });
}
