import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { runCommand } from "../run-command.ts";
import { COMPILE_CACHE, type Job } from "./job.ts";

const PATTERNS = ["agent/**/*.test.ts", "e2e/**/*.test.ts", "bench/**/*.test.ts", "deploy/**/*.test.ts"];

/** Files that measure CPU or memory of their process. */
const MEASURING =
  /(?:objects-file|parse-nodes-file|node-reflector-scale|cluster-turns|cluster-heap|policy-heap)\.test\.ts$/;

/** Each process loads much the same: more of them take more CPU. Fewer end at different times. */
const PROCESSES_PER_PROCESSOR = 2;
const MAX_PROCESSES = 4;

/**
 * Those that are given, or all: a few processes, each with many files, so that what they import is loaded a
 * few times instead of a hundred and sixty. Files that measure have a process each.
 */
export function unitJobs(given: readonly string[]): readonly Job[] {
  const found = given.length > 0 ? given : globSync(PATTERNS).toSorted();
  const files = found.filter((file) => !file.endsWith(".netns.test.ts"));
  if (files.length === 0) throw new Error("no unit tests found: run from the repository's folder");
  const shared = files.filter((file) => !MEASURING.test(file));
  const hands = deal(shared, Math.min(PROCESSES_PER_PROCESSOR * availableParallelism(), MAX_PROCESSES));
  return [
    ...hands.map((hand, index) => jobOf(`unit tests, ${index + 1} of ${hands.length}`, hand)),
    ...files.filter((file) => MEASURING.test(file)).map((file) => jobOf(file, [file])),
  ];
}

/** Neighbours are alike: each process gets some of every folder. */
function deal(all: readonly string[], count: number): readonly (readonly string[])[] {
  const hands = Array.from({ length: count }, (_, hand) =>
    all.filter((_file, index) => index % count === hand),
  );
  return hands.filter((hand) => hand.length > 0);
}

function jobOf(name: string, files: readonly string[]): Job {
  const command = [process.execPath, "--test", "--test-isolation=none", ...files];
  return { name, run: () => runCommand(command, COMPILE_CACHE) };
}
