import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { runKernelTestFile } from "../kernel-test-file.ts";
import { COMPILE_CACHE, type Job } from "./job.ts";

/** A user namespace: no root is needed, and the machine's network is out of reach. */
const NAMESPACES = ["--map-root-user", "--net"];

/** Files that measure programs as they ship: nothing has compiled them before. */
const MEASURING = /(?:foreign-routes|status|inspect-scale)\.netns\.test\.ts$/;

/** Files that measure rates. */
const ALONE = /bandwidth-rates\.netns\.test\.ts$/;

const PROGRAMS = new URL("../../programs", import.meta.url).pathname;

/** Those that are given, or all; what programs they need is built. */
export function kernelJobs(given: readonly string[]): readonly Job[] {
  const files = given.length > 0 ? given : globSync("agent/**/*.netns.test.ts");
  if (files.length === 0) throw new Error("no kernel tests found: run from the repository's folder");
  execFileSync("make", ["-s", "-C", PROGRAMS], { stdio: ["ignore", "inherit", "inherit"] });
  return files.map((file) => {
    const environment = MEASURING.test(file) ? {} : COMPILE_CACHE;
    return {
      name: file,
      isAlone: ALONE.test(file),
      run: () => runKernelTestFile(file, NAMESPACES, environment),
    };
  });
}
