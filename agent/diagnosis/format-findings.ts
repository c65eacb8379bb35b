import { printable } from "../text/printable.ts";
import type { Finding, Verdict } from "./finding.ts";

/** Signs that are told apart without colours too. */
const SIGNS: Readonly<Record<Verdict, string>> = { ok: "ok", info: "info", warn: "WARN", fail: "FAIL" };

/** SGR parameters of ECMA-48: green, blue, yellow, red. */
const COLOURS: Readonly<Record<Verdict, string>> = { ok: "32", info: "34", warn: "33", fail: "31;1" };

/** One line for each finding, its remedy below it. `colours` on a terminal only. */
export function formatFindings(
  findings: readonly Finding[],
  { colours }: { readonly colours: boolean },
): string {
  const width = Math.max(0, ...findings.map(({ name }) => name.length));
  return findings
    .map(({ name, verdict, evidence, remedy }) => {
      const sign = SIGNS[verdict].padEnd(5);
      const shown = colours ? `\u001b[${COLOURS[verdict]}m${sign}\u001b[0m` : sign;
      const indent = " ".repeat(width + 8);
      const below = remedy === undefined ? "" : `\n${indent}remedy: ${printable(remedy)}`;
      return `${shown} ${printable(name).padEnd(width)}  ${printable(evidence)}${below}\n`;
    })
    .join("");
}
