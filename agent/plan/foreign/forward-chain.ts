import { acceptCommand, type ChainName } from "./accept-rules.ts";

/** A base chain of somebody else that forwarded packets pass. */
export interface ForwardChain extends ChainName {
  readonly policy: string;
  /** Its rules in order, each a list of expressions as in libnftables-json(5). */
  readonly rules: readonly NftRule[];
}

export type NftRule = readonly NftExpression[];
export type NftExpression = Readonly<Record<string, unknown>>;

/**
 * What a chain does to pods' packets: lets all pass, takes some away by a rule of its own, or drops what none
 * of its rules accepts.
 */
export type ChainEffect = "passes" | "drops pods" | "drops unknown";

/**
 * Judges by the rules that speak of the bridge and nothing else, and by the end of the chain. Chains that it
 * jumps to are not followed: what they accept is not known.
 */
export function effectOnPods({ policy, rules }: ForwardChain, bridge: string): ChainEffect {
  const accepted = new Set<string>();
  for (const rule of rules) {
    const verdict = verdictOf(rule);
    if (verdict === undefined) continue;
    const conditions = rule.filter(isCondition);
    const [condition] = conditions;
    const direction = conditions.length === 1 ? directionOf(condition?.["match"], bridge) : undefined;
    if (direction !== undefined && !accepted.has(direction)) {
      if (verdict === "drop") return "drops pods";
      accepted.add(direction);
    }
    if (accepted.size === 2) return "passes";
    // Nothing comes after a rule without conditions.
    if (conditions.length === 0) return verdict === "drop" ? "drops unknown" : "passes";
  }
  return policy === "drop" ? "drops unknown" : "passes";
}

function verdictOf(rule: NftRule): "accept" | "drop" | undefined {
  if (rule.some((expression) => "accept" in expression)) return "accept";
  return rule.some(takesAway) ? "drop" : undefined;
}

/** Of iptables' extensions, as iptables-nft uses them, nft tells the name: REJECT is one. */
function takesAway(expression: NftExpression): boolean {
  const { name } = (expression["xt"] ?? {}) as { readonly name?: string };
  return "drop" in expression || "reject" in expression || name === "REJECT" || name === "DROP";
}

/** What does something with every packet, and lets none of them by. */
const NO_CONDITIONS = ["accept", "drop", "reject", "counter", "log"];

function isCondition(expression: NftExpression): boolean {
  return !takesAway(expression) && !NO_CONDITIONS.some((name) => name in expression);
}

const WORDS: Readonly<Record<Exclude<ChainEffect, "passes">, string>> = {
  "drops pods": "has a rule that drops pods' packets",
  "drops unknown": "drops forwarded packets by default, and no rule accepts those of the bridge",
};

/** What a chain does to pods, in words, with the command that lets them pass; undefined: nothing. */
export function describeHarm(
  chain: ForwardChain,
  bridge: string,
): { readonly evidence: string; readonly remedy: string } | undefined {
  const effect = effectOnPods(chain, bridge);
  if (effect === "passes") return undefined;
  const { family, table, name } = chain;
  return {
    evidence: `chain ${family} ${table} ${name} ${WORDS[effect]}`,
    remedy: acceptCommand(chain, bridge),
  };
}

/** "iifname" or "oifname" when the match is about this bridge. */
function directionOf(match: unknown, bridge: string): string | undefined {
  const { op, left, right } = (match ?? {}) as {
    op?: string;
    left?: { meta?: { key?: string } };
    right?: unknown;
  };
  const key = left?.meta?.key;
  const isAboutBridge = op === "==" && right === bridge;
  return isAboutBridge && (key === "iifname" || key === "oifname") ? key : undefined;
}
