import { type Family, familyOf } from "../../../../net/address.ts";
import type { Names } from "../../compile/names.ts";
import { type GroupPlan, planClosedGroup, planGroup } from "../../compile/plan-group.ts";
import { planStages } from "../../compile/stages.ts";
import {
  DIRECTIONS,
  type Direction,
  type Pod,
  type PodSelector,
  type Policy,
  takesPart,
} from "../../model.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import type { OwnPods } from "../objects/own-pods.ts";
import type { PolicyStore } from "../objects/policy-store.ts";
import type { Membership } from "./placement.ts";

export interface PlacerInput {
  readonly families: readonly Family[];
  readonly store: Pick<ObjectStore, "namespaces">;
  readonly own: OwnPods;
  readonly policies: PolicyStore;
  readonly names: Names;
  readonly isBig: (selector: PodSelector) => boolean;
}

/** Finds the groups of pods of this node. */
export interface Placer {
  /**
   * An attachment that comes or goes costs no plan: what was found for the pod before holds until it is
   * another object, or is forgotten. `keepsPlan`: until the pod is another one.
   */
  place(key: string, keepsPlan?: boolean): readonly Membership[];
  /** Selectors of peers that {@link place} is going to ask for, some more than once; none where a plan holds. */
  newPeersOf(key: string): readonly PodSelector[];
  /** What selects the pod may be other policies, or be planned in another way. */
  forget(key: string): void;
  /** What was planned holds no longer: policies, pods or sizes may be others. */
  forgetPlans(): void;
}

/** Groups of a pod, whatever addresses it has. */
interface Found {
  readonly pod: Pod;
  /** What selects it, so that it is not read again for each of its changes. */
  readonly selecting: readonly Policy[];
  readonly groups: Map<string, GroupPlan | undefined>;
}

export function createPlacer({ families, store, own, policies, names, isBig }: PlacerInput): Placer {
  const found = new Map<string, Found>();
  const plans = createGroupPlans({ names, isBig });
  const findOf = (key: string, pod: Pod, keepsPlan: boolean): Found => {
    const known = found.get(key);
    if (known?.pod === pod || (keepsPlan && known !== undefined && known.pod.uid === pod.uid)) return known;
    const selecting = policies.selecting(pod, store.namespaces.get(pod.namespace));
    const next: Found = { pod, selecting, groups: new Map() };
    found.set(key, next);
    return next;
  };
  const groupOf = ({ pod, selecting, groups }: Found, direction: Direction, family: Family) => {
    const key = `${direction} ${family}`;
    const group = groups.has(key) ? groups.get(key) : plans.plan(selecting, pod, direction, family);
    groups.set(key, group);
    return group;
  };
  /**
   * Groups of both families, whatever addresses it has by now: ADD and DEL change elements and nothing else.
   */
  const ofPod = (all: Found, addresses: readonly string[]): readonly Membership[] =>
    DIRECTIONS.flatMap((direction) =>
      [...new Set([...families, ...addresses.map(familyOf)])].flatMap((family): readonly Membership[] => {
        const group = groupOf(all, direction, family);
        const ofFamily = addresses.filter((address) => familyOf(address) === family);
        return group === undefined ? [] : [{ group, direction, family, addresses: ofFamily }];
      }),
    );
  const ofStranger = (namespace: string, addresses: readonly string[]): readonly Membership[] =>
    policies.concerns(namespace) ? closeAddresses(addresses, names) : [];
  return {
    place(key, keepsPlan = false) {
      const pod = own.podOf(key);
      const { known, strangers } = own.addressesOf(key);
      const isSubject = pod !== undefined && takesPart(pod);
      const isUnclear = isSubject && policies.areUnclear(pod.namespace);
      if (!isSubject || isUnclear) found.delete(key);
      const ofUnclear = isUnclear ? closeAddresses(known, names) : [];
      const ofKnown = isSubject && !isUnclear ? ofPod(findOf(key, pod, keepsPlan), known) : ofUnclear;
      return [...ofKnown, ...ofStranger(key.slice(0, key.indexOf("/")), strangers)];
    },
    newPeersOf(key) {
      const pod = own.podOf(key);
      if (pod === undefined || !takesPart(pod) || found.get(key)?.pod === pod) return [];
      return findOf(key, pod, false).selecting.flatMap(selectorsOf);
    },
    forget: (key) => void found.delete(key),
    forgetPlans() {
      plans.forget();
      policies.release();
    },
  };
}

function createGroupPlans({ names, isBig }: Pick<PlacerInput, "names" | "isBig">) {
  /** By policies, ports, direction and family: pods of one deployment have the same. */
  const plans = new Map<string, GroupPlan | undefined>();
  const idOf = createNumbers();
  return {
    forget: () => plans.clear(),
    plan(
      selecting: readonly Policy[],
      { ports }: Pod,
      direction: Direction,
      family: Family,
    ): GroupPlan | undefined {
      const key = [direction, family, idOf(ports), ...selecting.map(idOf).toSorted((a, b) => a - b)].join();
      if (plans.has(key)) return plans.get(key);
      const stages = planStages(selecting, direction, ports);
      const group = stages && planGroup({ stages, family, names, isBig });
      plans.set(key, group);
      return group;
    },
  };
}

function selectorsOf({ rules }: Policy): readonly PodSelector[] {
  return DIRECTIONS.flatMap((direction) =>
    (rules[direction] ?? []).flatMap(({ peers = [] }) =>
      peers.flatMap((peer) => (peer.kind === "pods" ? [peer.selector] : [])),
    ),
  );
}

/** Of pods whose labels, or whose namespace's, nobody knows. */
function closeAddresses(addresses: readonly string[], names: Names): readonly Membership[] {
  return DIRECTIONS.flatMap((direction) =>
    addresses.map((address): Membership => {
      const family = familyOf(address);
      return { group: planClosedGroup(direction, family, names), direction, family, addresses: [address] };
    }),
  );
}

/** A number for each object, for as long as it is there. */
function createNumbers(): (object: object) => number {
  const numbers = new WeakMap<object, number>();
  let last = 0;
  return (object) => {
    const number = numbers.get(object) ?? ++last;
    numbers.set(object, number);
    return number;
  };
}
