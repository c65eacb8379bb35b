/** What libFuzzer tells at its end. */
export interface FuzzStatistics {
  readonly executions: number;
  /** Edges of the program that were reached. */
  readonly edges: number;
  /** Inputs that reach something of their own. */
  readonly inputs: number;
}

/**
 * Reads the stderr of libFuzzer with -print_final_stats=1 (https://llvm.org/docs/LibFuzzer.html#output); 0
 * for what it does not say.
 */
export function readStatistics(said: string): FuzzStatistics {
  const last = said.match(/\bcov: \d+ ft: \d+ corp: \d+/g)?.at(-1) ?? "";
  return {
    executions: numberIn(/stat::number_of_executed_units:\s*(\d+)/, said),
    edges: numberIn(/cov: (\d+)/, last),
    inputs: numberIn(/corp: (\d+)/, last),
  };
}

function numberIn(pattern: RegExp, text: string): number {
  return Number(pattern.exec(text)?.[1] ?? 0);
}

/** One line for people. */
export function describeRun(
  target: string,
  { executions, edges, inputs }: FuzzStatistics,
  seconds: number,
): string {
  const count = (value: number): string => Math.round(value).toLocaleString("en-US");
  return `${target}: ${count(executions)} executions in ${seconds.toFixed(1)} s (${count(executions / seconds)} a second), ${count(edges)} edges, ${count(inputs)} inputs kept`;
}
