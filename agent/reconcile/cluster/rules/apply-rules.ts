import { release } from "node:os";
import type { Kernel } from "../../../kernel/kernel.ts";
import type { Faults } from "../../../kernel/types.ts";
import type { Readiness } from "../../../lib/readiness.ts";
import type { Ruleset } from "../../../plan/nft/nft-table.ts";
import { describeMissing, type KernelFeature } from "../../../plan/node/kernel-features.ts";

export interface RulesInput {
  readonly kernel: Pick<Kernel, "ensureRuleset" | "findMissingFeatures">;
  readonly readiness: Pick<Readiness, "warn">;
}

/** Gives the ruleset that the kernel now has, and what differed from it. */
export type ApplyRules = (
  plan: (lacksHostPorts: boolean) => Promise<Ruleset>,
  options: { readonly verify: boolean },
) => Promise<{ readonly ruleset: Ruleset; readonly found: Faults }>;

/**
 * Applies the rules of a node; where the kernel lacks what host ports need, and no pod has any, without
 * theirs: the node is ready, and warns. With `verify` it asks the kernel again.
 */
export function createRules({ kernel, readiness }: RulesInput): ApplyRules {
  let missing: readonly KernelFeature[] = [];

  const applyWithout = async (plan: Parameters<ApplyRules>[0]): ReturnType<ApplyRules> => {
    const ruleset = await plan(true);
    return { ruleset, found: await kernel.ensureRuleset(ruleset) };
  };

  const applyAll = async (plan: Parameters<ApplyRules>[0]): ReturnType<ApplyRules> => {
    try {
      const ruleset = await plan(false);
      const found = await kernel.ensureRuleset(ruleset);
      readiness.warn("host ports", undefined);
      return { ruleset, found };
    } catch (error) {
      const lacking = await kernel.findMissingFeatures();
      if (lacking.length === 0) throw error;
      const applied = await applyWithout(plan).catch(() => {
        throw error;
      });
      // What was missing may have been installed meanwhile, which is why these rules were taken.
      missing = await kernel.findMissingFeatures();
      if (missing.length === 0) return applyAll(plan);
      readiness.warn("host ports", `unavailable: ${describeMissing(release(), missing)}`);
      return applied;
    }
  };

  return async (plan, { verify }) => {
    if (verify && missing.length > 0) missing = await kernel.findMissingFeatures();
    return missing.length > 0 ? applyWithout(plan) : applyAll(plan);
  };
}
