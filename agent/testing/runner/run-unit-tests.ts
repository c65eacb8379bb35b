/**
 * Runs the unit tests: a few processes at a time, each with many files, so that what they import is loaded a
 * few times instead of a hundred and sixty. Files that measure have a process each, after the others. The
 * output of a process comes in one piece; one summary is at the end.
 * usage: node agent/testing/runner/run-unit-tests.ts [FILE …]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { text } from "node:stream/consumers";
import { inParallel } from "./in-parallel.ts";
import { addSummary, formatSummary, NO_TESTS, splitSummary } from "./test-summary.ts";

const PATTERNS = ["agent/**/*.test.ts", "e2e/**/*.test.ts", "bench/**/*.test.ts", "deploy/**/*.test.ts"];

/** Files that measure CPU or memory of their process. */
const MEASURING = /(?:objects-file|parse-nodes-file|node-reflector-scale|cluster-turns)\.test\.ts$/;

/** Each process loads much the same: more of them take more CPU. */
const MAX_PROCESSES = 4;

const given = process.argv.slice(2);
const found = given.length > 0 ? given : globSync(PATTERNS).toSorted();
const files = found.filter((file) => !file.endsWith(".netns.test.ts"));
if (files.length === 0) throw new Error("no unit tests found: run from the repository's folder");

/** Neighbours are alike: each process gets some of every folder. */
function deal(all: readonly string[], count: number): readonly (readonly string[])[] {
  const hands = Array.from({ length: count }, (_, hand) =>
    all.filter((_file, index) => index % count === hand),
  );
  return hands.filter((hand) => hand.length > 0);
}

async function runProcess(group: readonly string[]) {
  const options = ["--test", "--test-isolation=none"];
  const child = spawn(process.execPath, [...options, ...group], { stdio: ["ignore", "pipe", "inherit"] });
  const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, "close")]);
  const { told, summary } = splitSummary(output);
  process.stdout.write(told);
  return { isPassed: exitCode === 0, summary };
}

const count = Math.min(availableParallelism(), MAX_PROCESSES);
const shared = files.filter((file) => !MEASURING.test(file));
const measuring = files.filter((file) => MEASURING.test(file));
const outcomes = [
  ...(await inParallel(deal(shared, count), count, runProcess)),
  ...(await inParallel(deal(measuring, measuring.length), 1, runProcess)),
];
process.stdout.write(formatSummary(outcomes.map(({ summary }) => summary).reduce(addSummary, NO_TESTS)));
process.exitCode = outcomes.every(({ isPassed }) => isPassed) ? 0 : 1;
