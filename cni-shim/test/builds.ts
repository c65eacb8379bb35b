import { fileURLToPath } from "node:url";

/** One way in which the shim is built: every test runs against all of them. */
export interface Build {
  readonly name: string;
  readonly shim: string;
  /** The same program, which waits only 400 ms for an agent that is away. */
  readonly shortWait: string;
}

const DIST = new URL("../../dist/", import.meta.url);

export function distFile(path: string): string {
  return fileURLToPath(new URL(path, DIST));
}

/**
 * The shipped program, and the one with the address and undefined-behaviour sanitizers. `make test-programs
 * all sanitize` makes them.
 */
export const BUILDS: readonly Build[] = ["causeway", "causeway-asan"].map((name) => ({
  name,
  shim: distFile(`bin/${name}`),
  shortWait: distFile(`shim-test/${name}-short-wait`),
}));
