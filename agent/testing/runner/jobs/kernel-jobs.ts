import { globSync, statSync } from "node:fs";
import { runKernelTestFile } from "../kernel-test-file.ts";
import { COMPILE_CACHE, type Job } from "./run-jobs.ts";

/** A user namespace: no root is needed, and the machine's network is out of reach. */
const NAMESPACES = ["--map-root-user", "--net"];

/** Files that measure what a program takes of the CPU. */
const MEASURING_CPU = /(?:foreign-routes|status|inspect-scale)\.netns\.test\.ts$/;

/** Files that measure rates. */
const MEASURING_TIMES = /bandwidth-rates\.netns\.test\.ts$/;

/** Files that take longest, much of it waiting, whatever their size. */
const LONG =
  /(?:faults-killed|lasting-remedies|replay|policy-(?:agent|start|traffic)|hostile-nodes|faults-shim|main|load|vectors)\.netns\.test\.ts$/;

/** Those that are given, or all, the longest first: a long one that came last would run alone in the end. */
export function kernelJobs(given: readonly string[]): readonly Job[] {
  const files = given.length > 0 ? given : longFirst(globSync("agent/**/*.netns.test.ts"));
  if (files.length === 0) throw new Error("no kernel tests found: run from the repository's folder");
  return files.map((file) => {
    const measures = measuresOf(file);
    // What measures, measures programs as they ship: nothing has compiled them before.
    const environment = measures === "nothing" ? COMPILE_CACHE : {};
    return { name: file, measures, run: () => runKernelTestFile(file, NAMESPACES, environment) };
  });
}

function measuresOf(file: string): Job["measures"] {
  if (MEASURING_TIMES.test(file)) return "times";
  return MEASURING_CPU.test(file) ? "CPU" : "nothing";
}

function longFirst(paths: readonly string[]): readonly string[] {
  const sizes = new Map(paths.map((path) => [path, statSync(path).size]));
  const large = paths.toSorted((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0));
  return [...large.filter((path) => LONG.test(path)), ...large.filter((path) => !LONG.test(path))];
}
