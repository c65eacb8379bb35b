import assert from "node:assert/strict";
import type { CommandResult } from "../../settings/command-line.ts";
import { runShipped } from "../agent/run-causeway.ts";

interface Cost extends CommandResult {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/**
 * What a command takes beside the start of the program, in runs that take turns: others use the machine as
 * well, and slow both down.
 */
export interface Comparison {
  /** Least CPU time, times that of the start; the start included. */
  readonly startsOfCpu: number;
  /** What the last run said. */
  readonly stdout: string;
  readonly described: string;
}

/** bash tells the CPU time of its children in the second line of `times`. */
const TELLING = ["bash", "-c", '"$@"; code=$?; times >&2; exit $code', "bash"];

export async function compareWithStart(args: readonly string[], runs: number): Promise<Comparison> {
  const starts: Cost[] = [];
  const costs: Cost[] = [];
  for (let run = 0; run < runs; run++) {
    starts.push(await costOf(["--version"]));
    costs.push(await costOf(args));
  }
  const describe = (all: readonly Cost[]): string =>
    all.map(({ wallMs, cpuMs }) => `${wallMs.toFixed(0)} (CPU ${cpuMs.toFixed(0)})`).join(", ");
  return {
    startsOfCpu: leastCpuMs(costs) / leastCpuMs(starts),
    stdout: costs.at(-1)?.stdout ?? "",
    described: `${describe(costs)} ms; of that the start: ${describe(starts)} ms`,
  };
}

function leastCpuMs(costs: readonly Cost[]): number {
  return Math.min(...costs.map(({ cpuMs }) => cpuMs));
}

async function costOf(args: readonly string[]): Promise<Cost> {
  const startMs = performance.now();
  const result = await runShipped(args, TELLING);
  const wallMs = performance.now() - startMs;
  const seconds = [...(result.stderr.split("\n").at(-2) ?? "").matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  );
  assert.equal(seconds.length, 2, result.stderr);
  return { ...result, wallMs, cpuMs: 1000 * seconds.reduce((sum, value) => sum + value, 0) };
}
