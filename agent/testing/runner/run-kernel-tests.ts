/**
 * Runs the tests against the real kernel: in a user namespace (no root needed, the machine's network is out
 * of reach), each file in a network namespace of its own and with CAP_NET_ADMIN as the only capability. Three
 * files for each processor run at a time, long and large ones first; those that measure come last. A file's
 * output comes in one piece when it has ended, with what it took; one summary is at the end.
 * usage: node agent/testing/runner/run-kernel-tests.ts [FILE …]
 */
import { spawnSync } from "node:child_process";
import { globSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { inParallel } from "./in-parallel.ts";
import { runKernelTestFile } from "./kernel-test-file.ts";
import { addSummary, formatSummary, NO_TESTS, splitSummary, type TestSummary } from "./test-summary.ts";

const INSIDE = "CAUSEWAY_TEST_INSIDE";
const files = process.argv.slice(2);

function enterUserNamespace(): number {
  const self = [process.execPath, import.meta.filename, ...files];
  const { status, error } = spawnSync("unshare", ["-r", "--kill-child", ...self], {
    stdio: "inherit",
    env: { ...process.env, [INSIDE]: "1" },
  });
  if (error !== undefined) throw error;
  if (status === null) throw new Error("unshare was ended by a signal");
  return status;
}

/** Files that measure what a program takes of the CPU: each has a processor for itself. */
const MEASURING_CPU = /(?:foreign-routes|status)\.netns\.test\.ts$/;

/** Files that measure times and rates: they run alone. */
const MEASURING_TIMES = /(?:bandwidth-rates|inspect-scale)\.netns\.test\.ts$/;

/** Processes of one run start with what the first of them has compiled. */
const CACHE = { NODE_COMPILE_CACHE: new URL("../../../.cache/node", import.meta.url).pathname };

/** Two thirds of their time tests wait: for the kernel, timers and other processes. */
const FILES_PER_PROCESSOR = 3;

/** Files that take longest, much of it waiting, whatever their size. */
const LONG =
  /(?:faults-killed|lasting-remedies|replay|policy-agent|hostile-nodes|faults-shim|main)\.netns\.test\.ts$/;

/** A long one that came last would run alone in the end. */
function longFirst(paths: readonly string[]): readonly string[] {
  const sizes = new Map(paths.map((path) => [path, statSync(path).size]));
  const large = paths.toSorted((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0));
  return [...large.filter((path) => LONG.test(path)), ...large.filter((path) => !LONG.test(path))];
}

async function runFiles(): Promise<number> {
  const tests = files.length > 0 ? files : longFirst(globSync("agent/**/*.netns.test.ts"));
  if (tests.length === 0) throw new Error("no kernel tests found: run from the repository's folder");
  const groups = Object.groupBy(tests, (file) => {
    if (MEASURING_TIMES.test(file)) return "times";
    return MEASURING_CPU.test(file) ? "cpu" : "others";
  });
  const processors = availableParallelism();
  const outcomes = [
    ...(await inParallel(groups.others ?? [], FILES_PER_PROCESSOR * processors, (file) =>
      runFile(file, CACHE),
    )),
    // What measures, measures programs as they ship: nothing has compiled them before.
    ...(await inParallel(groups.cpu ?? [], processors, (file) => runFile(file))),
    ...(await inParallel(groups.times ?? [], 1, (file) => runFile(file))),
  ];
  process.stdout.write(formatSummary(outcomes.map(({ summary }) => summary).reduce(addSummary, NO_TESTS)));
  const failed = outcomes.filter(({ exitCode }) => exitCode !== 0).map(({ file }) => file);
  for (const file of failed) process.stdout.write(`failed: ${file}\n`);
  return failed.length === 0 ? 0 : 1;
}

interface FileOutcome {
  readonly file: string;
  readonly exitCode: number;
  readonly summary: TestSummary;
}

async function runFile(
  file: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<FileOutcome> {
  const startMs = performance.now();
  const { output, exitCode } = await runKernelTestFile(file, environment);
  const { told, summary } = splitSummary(output);
  process.stdout.write(`# ${file}: ${((performance.now() - startMs) / 1000).toFixed(1)} s\n${told}`);
  return { file, exitCode, summary };
}

process.exitCode = process.env[INSIDE] === undefined ? enterUserNamespace() : await runFiles();
