import { fnv1a64 } from "../../../net/fnv1a.ts";
import type { Attribute } from "../../../netlink/message/attributes.ts";
import type { ChainDeclaration, RuleDeclaration } from "../../../netlink/nft/table/nft-declarations.ts";
import { counter, limit, log, lookUp, verdict } from "../../../netlink/nft/table/nft-expressions.ts";
import { dropName } from "../../../plan/policy/compile/drop-names.ts";
import type { PolicyChain, PolicyRule } from "../../../plan/policy/compile/policy-table.ts";
import { lookupKey } from "./packet-fields.ts";
import { DROP_LOG, DROP_LOG_GROUP } from "../policy-options.ts";

/** A chain with all its rules. */
export interface ChainPlan extends ChainDeclaration {
  readonly rules: readonly RuleDeclaration[];
}

/** A rule that is known by its comment, which stands for what it does. */
export function ruleOf(chain: string, expressions: readonly Attribute[]): RuleDeclaration {
  const { high, low } = fnv1a64(Buffer.concat(expressions.flat()));
  const comment = [high, low].map((half) => half.toString(16).padStart(8, "0")).join("");
  return { chain, expressions, comment };
}

/**
 * The chains of the kernel for one of the policies: those that drop for its rules, then itself. A drop is a
 * chain, because what is logged is limited, and a limit ends its rule.
 */
export function planChains(chain: PolicyChain): readonly ChainPlan[] {
  const { name, rules } = chain;
  const drops = dropChainsOf(chain).map((drop): ChainPlan => {
    const logged = log({ group: DROP_LOG_GROUP, prefix: drop, snapLength: DROP_LOG.snapLength });
    return {
      name: drop,
      rules: [
        ruleOf(drop, [limit(DROP_LOG.perSecond, DROP_LOG.burst), logged]),
        ruleOf(drop, [counter(), verdict({ kind: "drop" })]),
      ],
    };
  });
  const own = rules.map((rule, index) =>
    ruleOf(name, [
      ...rule.lookups.flatMap(({ key, set, isNegated }) => [
        ...lookupKey(key, chain),
        lookUp(set, isNegated),
      ]),
      verdictOf(rule, dropName(name, index)),
    ]),
  );
  return [...drops, { name, rules: own }];
}

/** Names of the chains that drop for the rules of this one. */
export function dropChainsOf({ name, rules }: PolicyChain): readonly string[] {
  return rules.flatMap(({ verdict: { kind } }, index) => (kind === "drop" ? [dropName(name, index)] : []));
}

function verdictOf({ verdict: given }: PolicyRule, drop: string): Attribute {
  return verdict(given.kind === "drop" ? { kind: "goto", chain: drop } : given);
}
