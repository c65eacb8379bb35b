import type { Verdict } from "./judge.ts";

/**
 * Runs a measurement with the arguments of this process, and gives it its exit code; a failure is told and is
 * 1.
 */
export async function runBench(measure: (args: readonly string[]) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await measure(process.argv.slice(2));
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    // Agents that run would keep this process; they end with it, since it is the first of its namespace.
    process.exit(1);
  }
}

export function showProgress(what: string): void {
  console.error(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${what}`);
}

/** Prints how the budgets came out. Exit code: 0, or 1 where `isGate` and one was missed. */
export function showVerdicts(verdicts: readonly Verdict[], isGate: boolean): number {
  for (const { text } of verdicts) console.log(text);
  return isGate && verdicts.some(({ outcome }) => outcome === "missed") ? 1 : 0;
}
