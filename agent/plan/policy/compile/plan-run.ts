import type { Family } from "../../../net/address.ts";
import type { PodSelector, PortName } from "../model.ts";
import { ALL_PODS } from "../selectors.ts";
import { mergeSpans, type Span, spansOfNetworks } from "./address-spans.ts";
import { type Block, planBlockSets } from "./blocks.ts";
import { type Grants, sortTerms } from "./grants.ts";
import type { Names } from "./names.ts";
import { mergePorts } from "./port-sets.ts";
import { createRunSets, type RunPlan, type RunSets } from "./run-sets.ts";
import type { Members } from "./sources.ts";
import type { Term } from "./stages.ts";

export interface RunPlanInput {
  readonly terms: readonly Term[];
  readonly family: Family;
  /** Begins the names of the run's own sets. */
  readonly prefix: string;
  readonly names: Names;
  /** Whether so many pods match that not every group should have them in a set of its own. */
  readonly isBig: (selector: PodSelector) => boolean;
}

/** Each set of a big selector costs a new connection a look-up; beyond these the addresses are copied. */
const MAX_SHARED = 4;

const EVERY_POD: Members = { kind: "pods", selector: ALL_PODS };

/** One look-up for each kind of set, however many terms there are. */
export function planRun({ terms, family, isBig, ...input }: RunPlanInput): RunPlan {
  const grants = sortTerms(terms);
  if (grants.anybody.all) return { alternatives: [[]], sets: [] };
  const sets = createRunSets({ family, ...input });
  letSelected(sets, grants, isBig);
  letNetworks(sets, grants, family);
  return sets.finish();
}

function letSelected(
  sets: RunSets,
  { anybody, pods, nodes }: Grants,
  isBig: (selector: PodSelector) => boolean,
): void {
  const isAll = ({ key }: PodSelector): boolean => key === ALL_PODS.key;
  sets.letAnybody(mergePorts(anybody.ranges));
  letNames(sets, EVERY_POD, anybody.names);
  const candidates = [...pods.values()].filter(({ who }) => !isAll(who) && isBig(who));
  const big = new Set(candidates.slice(0, MAX_SHARED));
  for (const grant of pods.values()) {
    const members: Members = { kind: "pods", selector: grant.who };
    if (isAll(grant.who)) sets.letAllPods(grant);
    else if (big.has(grant)) sets.letShared(grant);
    else sets.letMembers(members, grant);
    if (!grant.all) letNames(sets, members, grant.names);
  }
  for (const grant of nodes.values()) sets.letMembers({ kind: "nodes", selector: grant.who }, grant);
}

function letNames(sets: RunSets, members: Members, names: Grants["anybody"]["names"]): void {
  if (names.length > 0) sets.letNamed({ members, ports: [], names, within: undefined });
}

function letNetworks(sets: RunSets, { networks }: Grants, family: Family): void {
  const blocks: Block[] = [];
  /** By names of ports: addresses at which they are looked up. */
  const named = new Map<string, { readonly names: readonly PortName[]; readonly spans: Span[] }>();
  for (const { who, all, ranges, names } of networks) {
    const spans = spansOfNetworks(who, family);
    if (spans.length === 0) continue;
    if (all || ranges.length > 0) blocks.push({ spans, ports: all ? undefined : mergePorts(ranges) });
    if (all || names.length === 0) continue;
    const key = JSON.stringify(names);
    const same = named.get(key) ?? { names, spans: [] };
    named.set(key, same);
    for (const span of spans) same.spans.push(span);
  }
  for (const { names, spans } of named.values())
    sets.letNamed({ members: EVERY_POD, ports: [], names, within: mergeSpans(spans) });
  sets.letBlocks(planBlockSets(blocks, family));
}
