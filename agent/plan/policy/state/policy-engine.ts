/**
 * Network policies of one node, pure: objects go in, changes of the table come out.
 *
 * - `parse/`: objects as the API has them → what is asked of them (parse-network-policy,
 *   parse-cluster-policy, project-pod).
 * - `createPolicyEngine()` here: {@link PolicyEngine.apply} takes {@link ObjectChange}s
 *   (objects/object-change.ts), answers {@link TableChange}s (table-change.ts).
 * - `evaluate/evaluate.ts`: what the table does with a packet; `evaluate/explain.ts`: which rule of which
 *   policy says so.
 * - `watches.ts`: which objects the API server must be asked for.
 * - `state/diff-tables.ts`: from a table that was read back to the one that should be.
 */
import type { Family } from "../../../net/address.ts";
import { createNames } from "../compile/names.ts";
import type { PolicyTable } from "../compile/policy-table.ts";
import type { PodNetwork } from "../compile/table-sets.ts";
import { objectKey } from "../model.ts";
import { type BigLimits, createBigSelectors } from "./big-selectors.ts";
import { createMemberLists, type MemberLists } from "./members.ts";
import type { ObjectChange } from "./objects/object-change.ts";
import { createObjectStore, type ObjectStore } from "./objects/object-store.ts";
import { createOwnPods, type OwnPods } from "./objects/own-pods.ts";
import { createTakeObjects } from "./objects/take-objects.ts";
import { createPlacer } from "./place-pod.ts";
import { createPolicyStore, type PolicyStore } from "./objects/policy-store.ts";
import { createTableBuilder } from "./table-builder.ts";
import type { TableChange } from "./table-change.ts";

export interface PolicyEngineInput {
  readonly nodeName: string;
  /** Families of pods of this node: chains of both are there before an address is known. */
  readonly families: readonly Family[];
  readonly network: PodNetwork;
  readonly bigLimits?: BigLimits;
}

export interface PolicyEngine {
  /**
   * Takes changes, which may be many, and answers what becomes of the table: valid in this order and in one
   * transaction. They are in {@link table} from then on, whatever the kernel says of them.
   */
  apply(changes: readonly ObjectChange[]): readonly TableChange[];
  readonly table: PolicyTable;
  readonly objects: Pick<ObjectStore, "namespaces" | "nodes" | "podsByNamespace">;
  readonly policies: PolicyStore;
  /** What {@link ObjectChange} of kind "pod network" said last. */
  readonly network: PodNetwork;
  /** Addresses of pods of this node that the API has not told of yet, in namespaces with policies. */
  strangers(): ReadonlySet<string>;
  /** Selectors that the sets of this node's groups follow. */
  readonly lists: MemberLists["lists"];
  /** Another number after each selector that came or went. */
  listsVersion(): number;
  /** Whether a pod of the namespace may be under a policy: ADD waits for the labels of such pods only. */
  concerns(namespace: string): boolean;
  /** Whether what the API says of a pod of this node is known, and its chains stand. */
  knows(namespace: string, name: string, uid: string | undefined): boolean;
}

/** The kernel takes some 10 µs for each element, and every group would have its own. */
const BIG_LIMITS: BigLimits = { shareAbove: 256, copyBelow: 128 };

export function createPolicyEngine(input: PolicyEngineInput): PolicyEngine {
  const { nodeName, families, bigLimits = BIG_LIMITS } = input;
  let { network } = input;
  const known = createKnown(bigLimits);
  const { store, own, policies, lists, big } = known;
  const names = createNames();
  const builder = createTableBuilder(lists, names, network);
  const placer = createPlacer({ families, store, own, policies, names, isBig: big.isBig });
  /** Pods of this node whose groups are to be found anew. */
  const dirty = new Set<string>();
  let isLayoutOld = false;

  const soil = (namespace: string | undefined): void => {
    for (const key of own.keys) {
      if (namespace !== undefined && !key.startsWith(`${namespace}/`)) continue;
      placer.forget(key);
      dirty.add(key);
    }
  };
  const take = createTakeObjects({
    ...known,
    nodeName,
    onOwnPod: (key) => dirty.add(key),
    onNamespace: soil,
    onResized(changed) {
      isLayoutOld ||= big.notice(changed);
    },
    onNetwork(next) {
      network = next;
      builder.setNetwork(next);
    },
  });
  const concerns = (namespace: string): boolean =>
    policies.concerns(namespace, store.namespaces.get(namespace));

  return {
    apply(changes) {
      for (const change of changes) take(change);
      if (isLayoutOld) soil(undefined);
      lists.prepare([...dirty].flatMap(placer.newPeersOf));
      for (const key of dirty) builder.place(key, placer.place(key));
      placer.forgetPlans();
      isLayoutOld = false;
      dirty.clear();
      const changed = builder.collect();
      lists.sweep();
      big.sweep();
      return changed;
    },
    table: builder.table,
    get network() {
      return network;
    },
    objects: store,
    policies,
    lists: lists.lists,
    listsVersion: lists.version,
    strangers: () => strangersOf(own, concerns),
    concerns,
    knows: (namespace, name, uid) => own.knows(objectKey(namespace, name), uid),
  };
}

/** What is known of objects, and who matches which selector. */
function createKnown(bigLimits: BigLimits) {
  const store = createObjectStore();
  const lists = createMemberLists(store);
  const big = createBigSelectors(lists, bigLimits);
  return { store, own: createOwnPods(), policies: createPolicyStore(), lists, big };
}

function strangersOf(own: OwnPods, concerns: PolicyEngine["concerns"]): ReadonlySet<string> {
  return new Set(
    [...own.keys].flatMap((key) => {
      const { strangers } = own.addressesOf(key);
      // Most pods are known: their namespaces are not looked for among all policies.
      return strangers.length > 0 && concerns(key.slice(0, key.indexOf("/"))) ? strangers : [];
    }),
  );
}
