import type { ChainName } from "../plan/accept-rules.ts";

/** A base chain of somebody else that forwarded packets pass. */
export interface ForwardChain extends ChainName {
  readonly policy: string;
  /** Its rules in order, each a list of expressions as in libnftables-json(5). */
  readonly rules: readonly NftRule[];
}

export type NftRule = readonly NftExpression[];
export type NftExpression = Readonly<Record<string, unknown>>;

/** What a chain does to pods' packets: lets all pass, takes some away by a rule of its own, or drops what none of its rules accepts. */
export type ChainEffect = "passes" | "drops pods" | "drops unknown";

/**
 * Judges by the rules that speak of the bridge and nothing else, and by the end of the chain. Chains that it jumps to are not followed: what they
 * accept is not known.
 */
export function effectOnPods({ policy, rules }: ForwardChain, bridge: string): ChainEffect {
  const accepted = new Set<string>();
  for (const rule of rules) {
    const verdict = verdictOf(rule);
    if (verdict === undefined) continue;
    const matches = rule.filter((expression) => "match" in expression);
    const direction = matches.length === 1 ? directionOf(matches[0]?.["match"], bridge) : undefined;
    if (direction !== undefined && !accepted.has(direction)) {
      if (verdict === "drop") return "drops pods";
      accepted.add(direction);
    }
    if (accepted.size === 2) return "passes";
    // Nothing comes after a rule without conditions.
    if (matches.length === 0) return verdict === "drop" ? "drops unknown" : "passes";
  }
  return policy === "drop" ? "drops unknown" : "passes";
}

function verdictOf(rule: NftRule): "accept" | "drop" | undefined {
  if (rule.some((expression) => "accept" in expression)) return "accept";
  return rule.some((expression) => "drop" in expression || "reject" in expression) ? "drop" : undefined;
}

/** "iifname" or "oifname" when the match is about this bridge. */
function directionOf(match: unknown, bridge: string): string | undefined {
  const { op, left, right } = match as {
    op?: string;
    left?: { meta?: { key?: string } };
    right?: unknown;
  };
  const key = left?.meta?.key;
  const isAboutBridge = op === "==" && right === bridge;
  return isAboutBridge && (key === "iifname" || key === "oifname") ? key : undefined;
}
