import { readFileSync } from "node:fs";
import { RULES_FILE } from "./chart-files.ts";

/** Thresholds in seconds that a test would have to wait for. */
const THRESHOLD = /(causeway_watch_last_event_age_seconds >) 300/;

/**
 * The shipped rules for a test that cannot wait: every `for` is one second, and the age of the last word 15 s
 * instead of 300 s: a nodes file is read every 10 s. The expressions are as shipped but for that number,
 * their windows included.
 */
export function shortenedRules(): string {
  const text = readFileSync(RULES_FILE, "utf8");
  if (!THRESHOLD.test(text)) throw new Error(`Cannot shorten the rules: there is no ${String(THRESHOLD)}`);
  return text.replaceAll(/^( +for:) .+$/gm, "$1 1s").replace(THRESHOLD, "$1 15");
}
