/**
 * Network policies of one node, pure: objects go in, changes of the table come out.
 *
 * - `parse/`: objects as the API has them → what is asked of them (parse-network-policy, parse-cluster-policy, project-pod).
 * - `createPolicyEngine()` here: {@link PolicyEngine.apply} takes {@link ObjectChange}s (object-change.ts), answers {@link TableChange}s (table-change.ts).
 * - `evaluate/evaluate.ts`: what the table does with a packet; `evaluate/explain.ts`: which rule of which policy says so.
 * - `watches.ts`: which objects the API server must be asked for.
 * - `state/diff-tables.ts`: from a table that was read back to the one that should be.
 */
import type { Family } from "../../../net/address.ts";
import { createNames } from "../compile/names.ts";
import type { PolicyTable } from "../compile/policy-table.ts";
import type { PodNetwork } from "../compile/table-sets.ts";
import { objectKey, type Pod, takesPart } from "../model.ts";
import { type BigLimits, createBigSelectors } from "./big-selectors.ts";
import { createMemberLists, type MemberList, type MemberLists } from "./members.ts";
import type { ObjectChange } from "./object-change.ts";
import { createObjectStore, isSamePod, type ObjectStore } from "./object-store.ts";
import { createOwnPods } from "./own-pods.ts";
import { createPlacer } from "./place-pod.ts";
import { createPolicyStore, type PolicyStore } from "./policy-store.ts";
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
   * Takes changes, which may be many, and answers what becomes of the table: valid in this order and in one transaction. They are in {@link table}
   * from then on, whatever the kernel says of them.
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
  const store = createObjectStore();
  const own = createOwnPods();
  const policies = createPolicyStore();
  const lists = createMemberLists(store);
  const big = createBigSelectors(lists, bigLimits);
  const names = createNames();
  const builder = createTableBuilder(lists, names, network);
  const placer = createPlacer({ families, store, own, policies, names, isBig: big.isBig });
  /** Pods of this node whose groups are to be found anew. */
  const dirty = new Set<string>();
  let isLayoutOld = false;

  const follow = (changed: readonly MemberList[]): void => {
    isLayoutOld ||= big.notice(changed);
  };
  const soil = (namespace: string | undefined): void => {
    for (const key of own.keys) {
      if (namespace !== undefined && !key.startsWith(`${namespace}/`)) continue;
      placer.forget(key);
      dirty.add(key);
    }
  };
  /** The pod with the addresses that count, in the place of what was known of it. */
  const setPod = (namespace: string, name: string, next: Pod | undefined): void => {
    const before = store.podOf(namespace, name);
    if (before === next || (before !== undefined && next !== undefined && isSamePod(before, next))) return;
    store.setPod(namespace, name, next);
    follow(lists.changePod(before, next));
  };
  /** After what is known of a pod of this node has changed. */
  const setOwnPod = (namespace: string, name: string): void => {
    const key = objectKey(namespace, name);
    dirty.add(key);
    const pod = own.podOf(key);
    // One of another node has nothing to do with the attachment of its name.
    if (pod === undefined && store.podOf(namespace, name)?.node !== nodeName) return;
    const addresses = own.addressesOf(key).known;
    setPod(namespace, name, pod && takesPart(pod) ? { ...pod, addresses } : undefined);
  };
  const takePod = (namespace: string, name: string, pod: Pod | undefined): void => {
    const key = objectKey(namespace, name);
    const isOwn = pod === undefined ? own.podOf(key) !== undefined : pod.node === nodeName;
    if (isOwn) {
      own.setPod(key, pod);
      setOwnPod(namespace, name);
      return;
    }
    setPod(namespace, name, pod && takesPart(pod) ? pod : undefined);
    if (!own.keys.has(key)) return;
    own.forgetPod(key);
    dirty.add(key);
  };

  const concerns = (namespace: string): boolean =>
    policies.concerns(namespace, store.namespaces.get(namespace));

  const take = (change: ObjectChange): void => {
    switch (change.kind) {
      case "pod":
        takePod(change.namespace, change.name, change.pod);
        return;
      case "attachment":
        for (const { namespace, name } of own.setAttachment(change.id, change.attachment))
          setOwnPod(namespace, name);
        return;
      case "namespace": {
        const before = store.namespaces.get(change.name);
        if (before?.labels === change.namespace?.labels) return;
        if (change.namespace === undefined) store.namespaces.delete(change.name);
        else store.namespaces.set(change.name, change.namespace);
        follow(
          lists.changeNamespace(
            before,
            change.namespace,
            store.podsByNamespace.get(change.name)?.values() ?? [],
          ),
        );
        soil(change.name);
        return;
      }
      case "node": {
        const before = store.nodes.get(change.name);
        if (change.node === undefined) store.nodes.delete(change.name);
        else store.nodes.set(change.name, change.node);
        lists.changeNode(before, change.node);
        return;
      }
      case "policy":
        soil(change.name.namespace);
        policies.set(change.name, change.policy);
        return;
      case "pod network":
        network = change.network;
        builder.setNetwork(network);
    }
  };

  return {
    apply(changes) {
      for (const change of changes) take(change);
      if (isLayoutOld) soil(undefined);
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
    strangers: () =>
      new Set(
        [...own.keys].flatMap((key) => {
          const { strangers } = own.addressesOf(key);
          // Most pods are known: their namespaces are not looked for among all policies.
          return strangers.length > 0 && concerns(key.slice(0, key.indexOf("/"))) ? strangers : [];
        }),
      ),
    concerns,
    knows(namespace, name, uid) {
      const pod = own.podOf(objectKey(namespace, name));
      return pod !== undefined && (uid === undefined || pod.uid === undefined || uid === pod.uid);
    },
  };
}
