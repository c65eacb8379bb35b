/**
 * Counts of one or more runs of Node's test runner, by their names in its summary (`tests`, `pass`, `fail`,
 * …).
 */
export type TestSummary = ReadonlyMap<string, number>;

export const NO_TESTS: TestSummary = new Map();

/**
 * Takes the summary off what Node's spec reporter printed: lines such as "ℹ pass 12" and "ℹ duration_ms
 * 34.5".
 */
export function splitSummary(output: string): { readonly told: string; readonly summary: TestSummary } {
  const summary = new Map<string, number>();
  const told = output.replaceAll(/^ℹ (\w+) ([\d.]+)\n/gm, (_line, name: string, value: string) => {
    summary.set(name, Number(value));
    return "";
  });
  return { told, summary };
}

export function addSummary(one: TestSummary, other: TestSummary): TestSummary {
  const names = new Set([...one.keys(), ...other.keys()]);
  return new Map([...names].map((name) => [name, (one.get(name) ?? 0) + (other.get(name) ?? 0)]));
}

export function formatSummary(summary: TestSummary): string {
  return [...summary].map(([name, value]) => `ℹ ${name} ${value}\n`).join("");
}
