import { type Family, familyOf } from "../../../net/address.ts";
import type { Names } from "../compile/names.ts";
import { planClosedGroup, planGroup } from "../compile/plan-group.ts";
import { planStages } from "../compile/stages.ts";
import { DIRECTIONS, type Pod, type PodSelector, takesPart } from "../model.ts";
import type { ObjectStore } from "./object-store.ts";
import type { OwnPods } from "./own-pods.ts";
import type { PolicyStore } from "./policy-store.ts";
import type { Membership } from "./table-builder.ts";

export interface PlacerInput {
  readonly families: readonly Family[];
  readonly store: Pick<ObjectStore, "namespaces">;
  readonly own: OwnPods;
  readonly policies: PolicyStore;
  readonly names: Names;
  readonly isBig: (selector: PodSelector) => boolean;
}

/** Finds the groups of a pod of this node. */
export function createPlacer({ families, store, own, policies, names, isBig }: PlacerInput) {
  /** One without an address yet has groups of both families: its ADD then adds elements and nothing else. */
  const ofPod = (pod: Pod, addresses: readonly string[]): readonly Membership[] => {
    const selecting = policies.selecting(pod, store.namespaces.get(pod.namespace));
    return DIRECTIONS.flatMap((direction) => {
      const stages = planStages(selecting, direction, pod.ports);
      if (stages === undefined) return [];
      return familiesOf(addresses, families).map((family): Membership => {
        const group = planGroup({ stages, family, names, isBig });
        return {
          group,
          direction,
          family,
          addresses: addresses.filter((address) => familyOf(address) === family),
        };
      });
    });
  };
  const ofStranger = (namespace: string, addresses: readonly string[]): readonly Membership[] => {
    if (!policies.concerns(namespace, store.namespaces.get(namespace))) return [];
    return DIRECTIONS.flatMap((direction) =>
      addresses.map((address): Membership => {
        const family = familyOf(address);
        return { group: planClosedGroup(direction, family, names), direction, family, addresses: [address] };
      }),
    );
  };
  return (key: string): readonly Membership[] => {
    const pod = own.podOf(key);
    const { known, strangers } = own.addressesOf(key);
    const ofKnown = pod !== undefined && takesPart(pod) ? ofPod(pod, known) : [];
    return [...ofKnown, ...ofStranger(key.slice(0, key.indexOf("/")), strangers)];
  };
}

function familiesOf(addresses: readonly string[], families: readonly Family[]): readonly Family[] {
  return addresses.length === 0 ? families : [...new Set(addresses.map(familyOf))];
}
