import { launch, type RunTime } from "./launch.ts";
import { show } from "./machine.ts";
import type { Command, Program } from "./program.ts";

/** Milliseconds of each run, one after the other. */
export function runOneByOne(program: Program, command: Command, pods: readonly number[]): number[] {
  if (pods.length === 0) return [];
  return run({ program, command, pods, concurrency: 1 }).map(({ startNs, endNs }) => (endNs - startNs) / 1e6);
}

/** Milliseconds from the start of the first to the end of the last. */
export function runAtOnce(program: Program, command: Command, pods: readonly number[]): number {
  const times = run({ program, command, pods, concurrency: pods.length });
  return Math.max(...times.map(({ endNs }) => endNs)) / 1e6;
}

export interface RunInput {
  readonly program: Program;
  readonly command: Command;
  readonly pods: readonly number[];
  /** How many run at the same time. */
  readonly concurrency: number;
}

export function run({ program, command, pods, concurrency }: RunInput): RunTime[] {
  const runs = pods.map((pod) => program.run(command, pod));
  return launch({ netns: program.host.netns, concurrency, runs });
}

/** Throws unless the program's host has so many attachments: one that does not do its work is fast. */
export function checkAttachments({ name, host }: Program, want: number): void {
  const uplinks = 1;
  const got = show(host.netns, "ip", "link", "show", "type", "veth").length - uplinks;
  if (got !== want) throw new Error(`Cannot trust ${name("ADD")}: ${got} pods are attached, not ${want}`);
}
