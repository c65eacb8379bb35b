import type { Family } from "../../../net/address.ts";
import type { Action, Direction, PodSelector } from "../model.ts";
import type { Names } from "./names.ts";
import { planRun } from "./plan-run.ts";
import type { Denial, PolicyChain, PolicyRule, Verdict } from "./policy-table.ts";
import { contentText, type SetPlan } from "./set-plan.ts";
import type { Run, Stages } from "./stages.ts";

/**
 * What pods with the same terms have in common: chains, of which the last has the group's name and is jumped
 * to, and their sets.
 */
export interface GroupPlan {
  readonly name: string;
  /** One that another leads to stands before it. */
  readonly chains: readonly PolicyChain[];
  readonly sets: readonly SetPlan[];
}

export interface GroupPlanInput {
  readonly stages: Stages;
  readonly family: Family;
  readonly names: Names;
  readonly isBig: (selector: PodSelector) => boolean;
}

/** Stands for the group's name, which is a hash of all that is in it. */
const SELF = "@";

const PASSES: Verdict = { kind: "return" };

/** Plans a group; the same name means the same chains and the same content of the sets. */
export function planGroup({ stages, family, names, isBig }: GroupPlanInput): GroupPlan {
  const { direction, admin, allowed, baseline } = stages;
  const sets: SetPlan[] = [];
  let runs = 0;
  const rulesOf = (run: Run, verdict: Verdict): readonly PolicyRule[] => {
    const plan = planRun({ terms: run.terms, family, prefix: `${SELF}-${runs++}`, names, isBig });
    sets.push(...plan.sets);
    return plan.alternatives.map((lookups) => ({ lookups, verdict }));
  };
  const chain = (name: string, rules: readonly PolicyRule[]): PolicyChain => {
    return { name, direction, family, rules };
  };
  const verdictOf = (run: Run, pass: Verdict): Verdict => {
    const verdicts: Readonly<Record<Action, Verdict>> = {
      Accept: PASSES,
      Deny: drop({ direction, tier: run.tier, policies: run.policies }),
      Pass: pass,
    };
    return verdicts[run.action];
  };
  const rest =
    allowed === undefined
      ? baseline.flatMap((run) => rulesOf(run, verdictOf(run, PASSES)))
      : [
          ...rulesOf(allowed, PASSES),
          always(drop({ direction, tier: allowed.tier, policies: allowed.policies })),
        ];
  const needsJump = rest.length > 0 && admin.some(({ action }) => action === "Pass");
  const toRest: Verdict = needsJump ? { kind: "goto", chain: `${SELF}-rest` } : PASSES;
  const first = admin.flatMap((run) => rulesOf(run, verdictOf(run, toRest)));
  const chains = needsJump
    ? [chain(`${SELF}-rest`, rest), chain(SELF, [...first, always(toRest)])]
    : [chain(SELF, [...first, ...rest])];
  return named({ direction, family, chains, sets: distinct(sets) }, names);
}

/** What pods have whose labels nobody knows yet. */
export function planClosedGroup(direction: Direction, family: Family, names: Names): GroupPlan {
  const rules = [always(drop({ direction, tier: undefined, policies: [] }))];
  return named({ direction, family, chains: [{ name: SELF, direction, family, rules }], sets: [] }, names);
}

function always(verdict: Verdict): PolicyRule {
  return { lookups: [], verdict };
}

function drop(denial: Denial): Verdict {
  return { kind: "drop", denial };
}

/** Shared sets may be named by several runs. */
function distinct(sets: readonly SetPlan[]): readonly SetPlan[] {
  return [...new Map(sets.map((set) => [set.spec.name, set])).values()];
}

function named(
  { direction, family, chains, sets }: Omit<GroupPlan, "name"> & { direction: Direction; family: Family },
  names: Names,
): GroupPlan {
  const text = JSON.stringify([chains, sets.map((set) => [set.spec.name, contentText(set)])]);
  const name = names.nameOf(`${direction === "ingress" ? "in" : "out"}${family}`, text);
  const full = (part: string): string => (part.startsWith(SELF) ? `${name}${part.slice(SELF.length)}` : part);
  return {
    name,
    chains: chains.map((chain) => ({
      ...chain,
      name: full(chain.name),
      rules: chain.rules.map(({ lookups, verdict }) => ({
        lookups: lookups.map((lookup) => ({ ...lookup, set: full(lookup.set) })),
        verdict: verdict.kind === "goto" ? { ...verdict, chain: full(verdict.chain) } : verdict,
      })),
    })),
    sets: sets.map((set) => ({ ...set, spec: { ...set.spec, name: full(set.spec.name) } })),
  };
}
