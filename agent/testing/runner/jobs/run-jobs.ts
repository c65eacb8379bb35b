import { availableParallelism } from "node:os";
import { inParallel } from "../in-parallel.ts";
import type { Job } from "./job.ts";
import { longestFirst } from "./known-seconds.ts";
import { addSummary, formatSummary, NO_TESTS, splitSummary } from "./test-summary.ts";

/** Three quarters of their time tests wait: for the kernel, timers and other processes. */
const JOBS_PER_PROCESSOR = 4;

/** What a job took, in seconds, by its name. */
export type Seconds = ReadonlyMap<string, number>;

/**
 * Runs jobs, the longest first, four for each processor at a time; then alone those that must be. The output
 * of a job comes in one piece when it has ended, with what it took; one summary is at the end.
 */
export async function runJobs(
  jobs: readonly Job[],
): Promise<{ readonly exitCode: number; readonly seconds: Seconds }> {
  const together = longestFirst(jobs.filter(({ isAlone = false }) => !isAlone));
  const outcomes = await inParallel(together, JOBS_PER_PROCESSOR * availableParallelism(), runJob);
  for (const job of jobs.filter(({ isAlone = false }) => isAlone)) outcomes.push(await runJob(job));
  process.stdout.write(formatSummary(outcomes.map(({ summary }) => summary).reduce(addSummary, NO_TESTS)));
  const failed = outcomes.filter(({ exitCode }) => exitCode !== 0);
  for (const { name } of failed) process.stdout.write(`failed: ${name}\n`);
  return {
    exitCode: failed.length === 0 ? 0 : 1,
    seconds: new Map(outcomes.map(({ name, seconds }) => [name, seconds])),
  };
}

async function runJob({ name, run }: Job) {
  const startMs = performance.now();
  const { output, exitCode } = await run();
  const seconds = (performance.now() - startMs) / 1000;
  const { told, summary } = splitSummary(output);
  process.stdout.write(`# ${name}: ${seconds.toFixed(1)} s\n${told}`);
  return { name, exitCode, summary, seconds };
}
