import type { SetSpec } from "./policy-table.ts";
import { type Source, sourceText } from "./sources.ts";

/** A set, and what is in it: always, and of whom. */
export interface SetPlan {
  readonly spec: SetSpec;
  readonly fixed: readonly string[];
  readonly sources: readonly Source[];
}

/** The same text means the same content, whatever the set is called. */
export function contentText({ spec, fixed, sources }: SetPlan): string {
  return JSON.stringify([spec.type, spec.isInterval, fixed, sources.map(sourceText).toSorted()]);
}
