import assert from "node:assert/strict";

/**
 * What somebody may put into a name, an alias or an argument: it forges lines, colours and moves, and turns
 * text around.
 */
export const HOSTILE = "\u001b[2J\u009b31m\r\nok forged\u2028\u202e\u2066<script>\u0007";

/** As many characters as {@link HOSTILE} has, all harmless. */
const HARMLESS = "x".repeat(HOSTILE.length);

/**
 * A value with `suffix` behind every text in it, but for those under `kept` keys, which programs tell apart.
 */
export function suffixed<Value>(value: Value, suffix: string, kept: readonly string[] = []): Value {
  const change = (item: unknown, key: string): unknown => {
    if (typeof item === "string") return kept.includes(key) ? item : `${item}${suffix}`;
    if (Array.isArray(item)) return item.map((entry) => change(entry, key));
    if (typeof item !== "object" || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([name, entry]) => [name, change(entry, name)]));
  };
  return change(value, "") as Value;
}

/** Fails unless what is shown of hostile texts is printable, and has the lines that harmless ones have. */
export function assertHarmless(show: (suffix: string) => string): void {
  const [hostile, harmless] = [show(HOSTILE), show(HARMLESS)];
  assert.doesNotMatch(hostile.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
  assert.equal(hostile.split("\n").length, harmless.split("\n").length);
}
