import { availableParallelism } from "node:os";
import { inParallel } from "../in-parallel.ts";
import type { CommandOutcome } from "../run-command.ts";
import { addSummary, formatSummary, NO_TESTS, splitSummary } from "./test-summary.ts";

/** A part of a run: tests of one or several files, or a check. */
export interface Job {
  readonly name: string;
  /** What it measures: of that depends what may run beside it. */
  readonly measures: "nothing" | "CPU" | "times";
  readonly run: () => Promise<CommandOutcome>;
}

/** Two thirds of their time tests wait: for the kernel, timers and other processes. */
const JOBS_PER_PROCESSOR = 3;

/**
 * Runs jobs in their order, three for each processor at a time; then those that measure CPU, one for each
 * processor; then those that measure times, alone. The output of a job comes in one piece when it has ended,
 * with what it took; one summary is at the end. Gives the exit code.
 */
export async function runJobs(jobs: readonly Job[]): Promise<number> {
  const processors = availableParallelism();
  const limits = { nothing: JOBS_PER_PROCESSOR * processors, CPU: processors, times: 1 };
  const outcomes = [];
  for (const measures of ["nothing", "CPU", "times"] as const) {
    const some = jobs.filter((job) => job.measures === measures);
    outcomes.push(...(await inParallel(some, limits[measures], runJob)));
  }
  process.stdout.write(formatSummary(outcomes.map(({ summary }) => summary).reduce(addSummary, NO_TESTS)));
  const failed = outcomes.filter(({ exitCode }) => exitCode !== 0);
  for (const { name } of failed) process.stdout.write(`failed: ${name}\n`);
  return failed.length === 0 ? 0 : 1;
}

async function runJob({ name, run }: Job) {
  const startMs = performance.now();
  const { output, exitCode } = await run();
  const { told, summary } = splitSummary(output);
  process.stdout.write(`# ${name}: ${((performance.now() - startMs) / 1000).toFixed(1)} s\n${told}`);
  return { name, exitCode, summary };
}

/** Processes of one run start with what the first of them has compiled. */
export const COMPILE_CACHE = {
  NODE_COMPILE_CACHE: new URL("../../../../.cache/node", import.meta.url).pathname,
};
