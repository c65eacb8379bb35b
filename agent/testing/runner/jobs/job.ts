import type { CommandOutcome } from "../run-command.ts";

/** A part of a run: tests of one or several files, or a check. */
export interface Job {
  readonly name: string;
  /** Nothing may run beside what measures rates. */
  readonly isAlone?: boolean;
  readonly run: () => Promise<CommandOutcome>;
}

/** Processes of one run start with what the first of them has compiled. */
export const COMPILE_CACHE = {
  NODE_COMPILE_CACHE: new URL("../../../../.cache/node", import.meta.url).pathname,
};
