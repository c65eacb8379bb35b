import assert from "node:assert/strict";
import { afterEach } from "node:test";
import { waitFor } from "./wait-for.ts";

/**
 * What every e2e test of a lab asserts at its end, whatever it is about: agents that run are ready, a
 * verification of everything that they have made finds nothing, and no agent has logged an error. All of this
 * is asked once for all suites, because what nobody looks for is what breaks elsewhere.
 */
export interface WatchedAgent {
  readonly name: string;
  isRunning(): boolean;
  /** Errors that it has logged since this was last asked. */
  errors(): Promise<readonly string[]>;
  /** Why it is not ready; undefined when it is. */
  unreadiness(): Promise<string | undefined>;
  /** What a verification finds, in words. */
  verify(): Promise<readonly string[]>;
}

const watched: WatchedAgent[] = [];
let expected: RegExp[] = [];
let reasonNotReady: RegExp | undefined;

/** Agents are looked at from here on, also after their end: a last error counts. */
export function watchAgent(agent: WatchedAgent): void {
  watched.push(agent);
}

/**
 * Errors that the running test provokes on purpose: lines of an agent's log that match are no fault of it.
 */
export function expectErrors(...patterns: readonly RegExp[]): void {
  expected.push(...patterns);
}

/** The running test leaves agents not ready on purpose, for this reason. */
export function expectNotReady(reason: RegExp): void {
  reasonNotReady = reason;
}

/** A test's own repairs, and a restart that it began, may take this long. */
const READY_WITHIN_MS = 15_000;

afterEach(async () => {
  const faults = (await Promise.all(watched.map(judge))).flat();
  expected = [];
  reasonNotReady = undefined;
  assert.deepEqual(faults, [], "agents are well at the end of the test");
});

async function judge(agent: WatchedAgent): Promise<readonly string[]> {
  const states = agent.isRunning() ? await judgeState(agent) : [];
  const errors = (await agent.errors()).filter((line) => !expected.some((pattern) => pattern.test(line)));
  return [...states, ...errors].map((fault) => `${agent.name}: ${fault}`);
}

async function judgeState(agent: WatchedAgent): Promise<readonly string[]> {
  let last: string | undefined;
  const isSettled = async (): Promise<true | undefined> => {
    last = await agent.unreadiness();
    return last === undefined || reasonNotReady?.test(last) === true ? true : undefined;
  };
  await waitFor(`readiness of ${agent.name}`, isSettled, {
    timeoutMs: READY_WITHIN_MS,
    intervalMs: 50,
  }).catch((error: unknown) => (last ??= String(error)));
  if (last !== undefined) return reasonNotReady?.test(last) === true ? [] : [`not ready: ${last}`];
  return untilSound(agent);
}

/**
 * Faults that the agent does not mend. While a test had taken the rules, packets may have taught the host
 * what goes with the run after the repair.
 */
async function untilSound(agent: WatchedAgent): Promise<readonly string[]> {
  let faults: readonly string[] = [];
  const isSound = async (): Promise<true | undefined> => {
    faults = await agent.verify();
    return faults.length === 0 ? true : undefined;
  };
  await waitFor(`soundness of ${agent.name}`, isSound, {
    timeoutMs: READY_WITHIN_MS,
    intervalMs: 200,
  }).catch((error: unknown) => {
    if (faults.length === 0) throw error;
  });
  return faults.map((fault) => `verification: ${fault}`);
}

/** Lines of level error, of both forms that `--log-format` knows. */
export function errorLines(log: string): readonly string[] {
  return log.split("\n").filter((line) => /^\S+ ERROR |^\{"level":(?:"error"|50),/.test(line));
}

/** Gives those errors of a growing log that were not given before. */
export function newErrorsOf(log: () => string): () => Promise<readonly string[]> {
  let judged = 0;
  return () => {
    const text = log();
    const lines = errorLines(text.slice(judged));
    judged = text.length;
    return Promise.resolve(lines);
  };
}
