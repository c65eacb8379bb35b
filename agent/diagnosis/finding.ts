/** From harmless to broken. "info": nothing to do, or not to be known. */
export const VERDICTS = ["ok", "info", "warn", "fail"] as const;

export type Verdict = (typeof VERDICTS)[number];

/** What a check or a hop of a path came to. */
export interface Finding {
  /** Name of the check, or of the hop. */
  readonly name: string;
  readonly verdict: Verdict;
  /** What was seen, as a sentence. */
  readonly evidence: string;
  /** A command for a root shell on the node, to be pasted as it is. */
  readonly remedy?: string | undefined;
}

/** What of the machine could be read; else why not, in words. */
export type Observed<Value> = { readonly value: Value } | { readonly error: string };

/** The gravest verdict of all. */
export function worstOf(findings: readonly Finding[]): Verdict {
  const ranks = findings.map(({ verdict }) => VERDICTS.indexOf(verdict));
  return VERDICTS[Math.max(0, ...ranks)] ?? "ok";
}

/** Exit code of a program that found this. 1 is its own failure, 2 wrong usage. */
export function exitCodeOf(verdict: Verdict): number {
  return { ok: 0, info: 0, warn: 3, fail: 4 }[verdict];
}

/** Runs a check on what was observed, or says that it cannot be told. */
export function judging<Value>(
  name: string,
  observed: Observed<Value>,
  judge: (value: Value) => readonly Finding[],
): readonly Finding[] {
  if ("value" in observed) return judge(observed.value);
  return [{ name, verdict: "info", evidence: `unknown: ${observed.error}` }];
}
