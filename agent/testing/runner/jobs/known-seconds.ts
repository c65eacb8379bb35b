import { writeFileSync } from "node:fs";
import known from "./known-seconds.json" with { type: "json" };
import type { Job } from "./job.ts";

const KNOWN: Readonly<Record<string, number>> = known;

/**
 * A long job that came last would run alone in the end. Nobody knows how long one takes that is new: it comes
 * first.
 */
export function longestFirst(jobs: readonly Job[]): readonly Job[] {
  const secondsOf = ({ name }: Job): number => KNOWN[name] ?? Number.POSITIVE_INFINITY;
  return jobs.toSorted((a, b) => secondsOf(b) - secondsOf(a) || 0);
}

/** Keeps what each job of a whole run took. */
export function writeSeconds(seconds: ReadonlyMap<string, number>): void {
  const rounded = [...seconds].map(([name, value]) => [name, Math.ceil(value)] as const);
  const sorted = rounded.toSorted(([a], [b]) => a.localeCompare(b));
  const path = new URL("known-seconds.json", import.meta.url);
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(sorted), undefined, 2)}\n`);
}
