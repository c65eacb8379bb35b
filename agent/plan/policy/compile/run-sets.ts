import type { Family } from "../../../net/address.ts";
import { addressType } from "../../nft/nft-family.ts";
import type { PodSelector, PortRange } from "../model.ts";
import type { BlockSet } from "./blocks.ts";
import type { Grant, PeerGrant } from "./grants.ts";
import type { Names } from "./names.ts";
import type { Lookup, LookupKey, SetSpec } from "./policy-table.ts";
import { countPorts, formatPorts, listPorts, mergePorts } from "./port-sets.ts";
import { contentText, type SetPlan } from "./set-plan.ts";
import type { Members, Source } from "./sources.ts";
import { allPodsSpec, gatewaysSpec } from "./table-sets.ts";

/** What a run asks of a packet: any of the alternatives, each of which is look-ups that all hold. */
export interface RunPlan {
  readonly alternatives: readonly (readonly Lookup[])[];
  /** Sets that the look-ups name. */
  readonly sets: readonly SetPlan[];
}

/** Collects the terms of a run in as few sets as there are kinds of them. */
export interface RunSets {
  letAnybody(ranges: readonly PortRange[]): void;
  letAllPods(grant: Grant): void;
  /** Through a set of the selector's own, which groups share. */
  letShared(grant: PeerGrant<PodSelector>): void;
  letMembers(members: Members, grant: Grant): void;
  letNamed(source: Source): void;
  letBlocks(sets: readonly BlockSet[]): void;
  finish(): RunPlan;
}

export interface RunSetsInput {
  readonly family: Family;
  /** Begins the names of its own sets. */
  readonly prefix: string;
  readonly names: Names;
}

/** Ports that each peer has an element for; more are looked up apart from the peer. */
const MAX_LISTED_PORTS = 16;

const PORT_TYPE = "inet_proto . inet_service";

export function createRunSets({ family, prefix, names }: RunSetsInput): RunSets {
  const addresses: Source[] = [];
  const exact: Source[] = [];
  /** By ports: sources of addresses that have all of them. */
  const wide = new Map<string, { readonly ranges: readonly PortRange[]; readonly sources: Source[] }>();
  const alternatives: Lookup[][] = [];
  const { sets, typed, own, shared, lookUpPorts } = createLookups({ family, prefix, names });
  const portsOf = ({ all, ranges }: Grant): Lookup[] => (all ? [] : [lookUpPorts(mergePorts(ranges))]);
  const letsSomething = ({ all, ranges }: Grant): boolean => all || ranges.length > 0;
  return {
    letAnybody(ranges) {
      if (ranges.length > 0) alternatives.push([lookUpPorts(ranges)]);
    },
    letAllPods(grant) {
      if (!letsSomething(grant)) return;
      const [all, gateways] = [allPodsSpec(family), gatewaysSpec(family)];
      sets.push(...[all, gateways].map((spec) => ({ spec, fixed: [], sources: [] })));
      const isNoGateway: Lookup = { ...lookup("peer", gateways.name), isNegated: true };
      alternatives.push([lookup("peer", all.name), isNoGateway, ...portsOf(grant)]);
    },
    letShared(grant) {
      if (!letsSomething(grant)) return;
      const sources = [addressesOf({ kind: "pods", selector: grant.who })];
      const set = shared(`sel${family}`, { spec: typed("", ""), fixed: [], sources }, "peer");
      alternatives.push([set, ...portsOf(grant)]);
    },
    letMembers(members, grant) {
      const ranges = mergePorts(grant.ranges);
      if (grant.all) addresses.push(addressesOf(members));
      else if (countPorts(ranges) > MAX_LISTED_PORTS) {
        const text = ranges.map(formatPorts).join();
        const same = wide.get(text) ?? { ranges, sources: [] };
        same.sources.push(addressesOf(members));
        wide.set(text, same);
      } else if (ranges.length > 0)
        exact.push({ members, ports: listPorts(ranges), names: [], within: undefined });
    },
    letNamed(source) {
      exact.push(source);
    },
    letBlocks(blockSets) {
      for (const [index, set] of blockSets.entries()) {
        const suffix = index === 0 ? "ranges" : `ranges${index}`;
        const key = set.kind === "ends" ? "peer . protocol . port" : "peer";
        const holds = own(suffix, { fixed: set.elements, sources: [] }, key, true);
        const ports = set.kind === "ends" ? undefined : set.ports;
        alternatives.push(ports === undefined ? [holds] : [holds, lookUpPorts(ports)]);
      }
    },
    finish() {
      const hashed: Lookup[][] = [];
      if (exact.length > 0)
        hashed.push([own("exact", { fixed: [], sources: exact }, "peer . protocol . port")]);
      if (addresses.length > 0) hashed.push([own("any", { fixed: [], sources: addresses }, "peer")]);
      let number = 0;
      for (const { ranges, sources } of wide.values())
        hashed.push([own(`wide${number++}`, { fixed: [], sources }, "peer"), lookUpPorts(ranges)]);
      return { alternatives: [...hashed, ...alternatives], sets };
    },
  };
}

interface Lookups {
  /** Sets that were asked for. */
  readonly sets: SetPlan[];
  typed(name: string, ports: string, isInterval?: boolean): SetSpec;
  /** In a set of the run's own. */
  own(suffix: string, plan: Omit<SetPlan, "spec">, key: LookupKey, isInterval?: boolean): Lookup;
  /** In a set that is named after its content. */
  shared(kind: string, plan: SetPlan, key: LookupKey): Lookup;
  lookUpPorts(ranges: readonly PortRange[]): Lookup;
}

function createLookups({ family, prefix, names }: RunSetsInput): Lookups {
  const sets: SetPlan[] = [];
  const typed = (name: string, ports: string, isInterval = false): SetSpec => {
    return { name, type: `${addressType(family)}${ports}`, isInterval };
  };
  const own = (suffix: string, plan: Omit<SetPlan, "spec">, key: LookupKey, isInterval = false): Lookup => {
    const ports = key === "peer" ? "" : ` . ${PORT_TYPE}`;
    const spec = typed(`${prefix}-${suffix}`, ports, isInterval);
    sets.push({ spec, ...plan });
    return lookup(key, spec.name);
  };
  const shared = (kind: string, plan: SetPlan, key: LookupKey): Lookup => {
    const name = names.nameOf(kind, contentText(plan));
    sets.push({ ...plan, spec: { ...plan.spec, name } });
    return lookup(key, name);
  };
  const lookUpPorts = (ranges: readonly PortRange[]): Lookup => {
    const isInterval = ranges.some(({ first, last }) => first !== last);
    const spec = { name: "", type: PORT_TYPE, isInterval };
    return shared("ports", { spec, fixed: ranges.map(formatPorts), sources: [] }, "protocol . port");
  };
  return { sets, typed, own, shared, lookUpPorts };
}

function lookup(key: LookupKey, set: string): Lookup {
  return { key, set, isNegated: false };
}

function addressesOf(members: Members): Source {
  return { members, ports: undefined, names: [], within: undefined };
}
