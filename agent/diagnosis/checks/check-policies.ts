import { listMarkConflicts, type MarkUser } from "../../plan/foreign/mark-conflicts.ts";
import type { Finding } from "../finding.ts";

const NAME = "policies";

/**
 * `cautions`: what the agent thinks of policies of this node's pods; undefined: it enforces none, or is of a
 * release that does not tell.
 */
export function checkPolicies(cautions: readonly string[] | undefined): readonly Finding[] {
  if (cautions === undefined) return [];
  if (cautions.length === 0)
    return [{ name: NAME, verdict: "ok", evidence: "those of this node's pods say what they seem to say" }];
  return cautions.map((evidence) => ({ name: NAME, verdict: "warn", evidence }));
}

export interface MarkObservation {
  /**
   * Bit of connections' marks that is ours; undefined: no policies are enforced, or the agent does not tell.
   */
  readonly markBit: number | undefined;
  readonly users: readonly MarkUser[];
  /** Tables of legacy iptables, which nftables does not show. */
  readonly legacyTables: readonly string[];
}

const MARK = "policy mark";

/** Whether another program uses the bit that ends connections. */
export function checkMarkBit({ markBit, users, legacyTables }: MarkObservation): readonly Finding[] {
  if (markBit === undefined) return [];
  const conflicts = listMarkConflicts(users, markBit);
  const findings: Finding[] = conflicts.map((evidence) => ({ name: MARK, verdict: "warn", evidence }));
  if (legacyTables.includes("mangle"))
    findings.push({
      name: MARK,
      verdict: "info",
      evidence: `legacy iptables has a table mangle, whose rules are not visible through nftables: none of them may set bit ${markBit} of connections' marks`,
    });
  if (findings.length > 0) return findings;
  return [
    { name: MARK, verdict: "ok", evidence: `bit ${markBit} of connections' marks is used by policies alone` },
  ];
}
