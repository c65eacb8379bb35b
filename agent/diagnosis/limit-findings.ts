import { type Finding, worstOf } from "./finding.ts";

/** Faults that are told one by one: of pods and nodes there may be thousands. */
const MAX_TOLD = 5;

export function limitFindings(name: string, faults: readonly Finding[]): readonly Finding[] {
  const rest = faults.slice(MAX_TOLD);
  if (rest.length === 0) return faults;
  return [
    ...faults.slice(0, MAX_TOLD),
    { name, verdict: worstOf(rest), evidence: `${rest.length} more like these` },
  ];
}
