import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { V8_FLAGS } from "../start/memory/v8-flags.ts";

// What is measured runs as in the agent.
for (const flag of V8_FLAGS) setFlagsFromString(flag);

/**
 * What a turn of the event loop may take, in times of {@link measureReference}: 100 ms on a machine where
 * that takes 12. What makes a machine slow makes it slow for both.
 */
const MAX_TURN = 8;
/** An odd number: the one in the middle counts, as anything may happen in one of them. */
const ROUNDS = 3;

/** Works; `breathe`, to be given as what lets others have their turn, tells of the end of each turn. */
export type WorkInTurns = (breathe: () => Promise<void>) => Promise<void>;

/**
 * Fails when a turn of the work is too long for those who wait: pods' requests, probes and the renewal of
 * leases. What `prepare` does is not counted.
 */
export async function assertShortTurns(prepare: () => WorkInTurns): Promise<void> {
  const turns: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Before the work, which leaves much to collect.
    const reference = measureReference();
    turns.push((await longestTurnMs(prepare())) / reference);
  }
  const middle = turns.toSorted((a, b) => a - b)[(ROUNDS - 1) / 2];
  assert.ok(
    middle !== undefined && middle <= MAX_TURN,
    `longest turns, in times of the reference: ${turns.join(" ")}`,
  );
}

/** In milliseconds of this thread's CPU, which the kernel counts in steps of up to 4 (CONFIG_HZ). */
async function longestTurnMs(work: WorkInTurns): Promise<number> {
  let longest = 0;
  let before = process.threadCpuUsage();
  const endTurn = (): void => {
    longest = Math.max(longest, cpuMs(before));
    before = process.threadCpuUsage();
  };
  await work(async () => endTurn());
  endTurn();
  return longest;
}

const REFERENCE_RUNS = 10;
const REFERENCE_TEXTS = 10_000;

/** Milliseconds of CPU that this machine takes for work that is none of ours: it reads and sorts some texts. */
function measureReference(): number {
  const before = process.threadCpuUsage();
  for (let run = 0; run < REFERENCE_RUNS; run++) readAndSort();
  return cpuMs(before) / REFERENCE_RUNS;
}

function readAndSort(): readonly unknown[] {
  const texts = Array.from(
    { length: REFERENCE_TEXTS },
    (_, index) => `10.${(index * 7919) & 255}.${index >> 8}.${index & 255}`,
  );
  const known = new Map(texts.map((text) => [text, text.split(".")]));
  return [...known.keys()].toSorted().map((text) => known.get(text)?.map(Number));
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(since);
  return (user + system) / 1000;
}
