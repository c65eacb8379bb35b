import type { SetDeclaration } from "../../../netlink/nft/table/nft-declarations.ts";
import { POD_MAPS, type PolicyTable } from "../../../plan/policy/compile/policy-table.ts";
import { baseChains, baseSets } from "./base-table.ts";
import { type ChainPlan, planChains } from "./chain-rules.ts";
import type { PolicyOptions } from "../policy-options.ts";
import { declarationOf } from "./set-plan.ts";

/** A set or verdict map, with its elements as text: by their keys, what they lead to. */
export interface SetPlan {
  readonly declaration: SetDeclaration;
  readonly elements: ReadonlyMap<string, string>;
}

/** A table as the kernel has it, base chains included. */
export interface TablePlan {
  readonly sets: ReadonlyMap<string, SetPlan>;
  /** One that another leads to comes before it. */
  readonly chains: ReadonlyMap<string, ChainPlan>;
}

export function planTable({ sets, chains, pods }: PolicyTable, options: PolicyOptions): TablePlan {
  const plans = new Map<string, SetPlan>();
  for (const declaration of baseSets()) plans.set(declaration.name, { declaration, elements: new Map() });
  for (const { spec, elements } of sets.values()) {
    const declaration = declarationOf(spec);
    plans.set(spec.name, { declaration, elements: new Map(Array.from(elements.keys(), (key) => [key, ""])) });
  }
  for (const name of POD_MAPS) {
    const elements = new Map(Array.from(pods[name], ([address, chain]) => [address, `jump ${chain}`]));
    const map = plans.get(name);
    if (map !== undefined) plans.set(name, { ...map, elements });
  }
  const all = [...[...chains.values()].flatMap(planChains), ...baseChains(options)];
  return { sets: plans, chains: new Map(all.map((chain) => [chain.name, chain])) };
}
