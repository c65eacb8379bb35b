/**
 * Network policies of one node, pure: objects go in, changes of the table come out.
 *
 * - `parse/`: objects as the API has them → what is asked of them (parse-network-policy,
 *   parse-cluster-policy, project-pod).
 * - `createPolicyEngine()` here: {@link PolicyEngine.take} takes {@link ObjectChange}s
 *   (objects/object-change.ts), {@link PolicyEngine.collect} answers {@link TableChange}s (table-change.ts).
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
import { matchesPod } from "../selectors.ts";
import { type BigLimits, createBigSelectors } from "./big-selectors.ts";
import { createMemberLists, type MemberLists } from "./members.ts";
import { createBacklog } from "./objects/backlog.ts";
import type { ObjectChange } from "./objects/object-change.ts";
import { createObjectStore, type ObjectStore } from "./objects/object-store.ts";
import { createOwnPods, type OwnPods } from "./objects/own-pods.ts";
import { createTakeObjects } from "./objects/take-objects.ts";
import { createPlacer } from "./places/place-pod.ts";
import { createPlacing, type Placing } from "./places/placing.ts";
import { createPolicyStore, type PolicyStore } from "./objects/policy-store.ts";
import { createTableBuilder, type TableBuilder } from "./table-builder.ts";
import type { TableChange } from "./table-change.ts";

export interface PolicyEngineInput {
  readonly nodeName: string;
  /** Families of pods of this node: chains of both are there before an address is known. */
  readonly families: readonly Family[];
  readonly network: PodNetwork;
  /** Of content, by which chains and sets are named: the same for the same, and never one for two. */
  readonly digestOf: (content: string) => string;
  readonly bigLimits?: BigLimits;
}

export interface PolicyEngine {
  /** Takes changes, which may be many; what becomes of them is for {@link advance} to find. */
  take(changes: readonly ObjectChange[]): void;
  /**
   * Does a part of what is to be done: as much as about so many elements of sets cost, since a turn of the
   * event loop must be short. What attachments and namespaces ask for is done at once when all policies are
   * read.
   */
  advance(looks: number): void;
  /** Whether policies that were taken are still to be read: nothing becomes of the table before. */
  isBehind(): boolean;
  /** Whether there is more to {@link advance}. */
  isBusy(): boolean;
  /** Whether all that was taken is in {@link table}. */
  isSettled(): boolean;
  /**
   * What became of the table since it was last asked: valid in this order and in one transaction. It is in
   * {@link table} from then on, whatever the kernel says of it. A pod whose policies have changed is led to
   * other chains when all of their sets are full; `isHeld`: and not to those that look for pods, of which not
   * all are known.
   */
  collect(isHeld: boolean): readonly TableChange[];
  /** All of that at once. */
  apply(changes: readonly ObjectChange[]): readonly TableChange[];
  readonly table: PolicyTable;
  readonly objects: Pick<ObjectStore, "namespaces" | "nodes" | "podsByNamespace">;
  readonly policies: PolicyStore;
  /** What {@link ObjectChange} of kind "pod network" said last. */
  readonly network: PodNetwork;
  /**
   * Addresses of pods of this node that the API has not told of yet, or not of their namespace, where
   * policies may be about them.
   */
  strangers(): ReadonlySet<string>;
  /** Selectors that the sets of this node's groups follow. */
  readonly lists: MemberLists["lists"];
  /** Another number after each selector that came or went. */
  listsVersion(): number;
  /** Whether a pod of the namespace may be under a policy: ADD waits for the labels of such pods only. */
  concerns(namespace: string): boolean;
  /** Whether what the API says of a pod of this node is known, and its addresses lead to its chains. */
  knows(namespace: string, name: string, uid: string | undefined): boolean;
}

/** The kernel takes some 10 µs for each element, and every group would have its own. */
const BIG_LIMITS: BigLimits = { shareAbove: 256, copyBelow: 128 };

export function createPolicyEngine(input: PolicyEngineInput): PolicyEngine {
  const known = createKnown(input);
  const { store, own, policies, lists, big } = known;
  const builder = createTableBuilder(lists, known.names, input.network);
  const placer = createPlacer({ ...known, families: input.families, isBig: big.isBig });
  const placing = createPlacing({ own, placer, builder, lists });
  const objects = createObjects(input, { ...known, builder, placing });
  const isBusy = (): boolean => objects.isBusy() || placing.isDue() || builder.isFilling();
  const work: Pick<PolicyEngine, "take" | "advance" | "collect"> = {
    take: objects.take,
    advance(looks) {
      const rest = objects.advance(looks);
      if (objects.isBehind()) return;
      placing.place();
      builder.fill(rest);
    },
    collect(isHeld) {
      const changed = builder.collect(isHeld);
      placing.settled();
      big.forget(lists.sweep());
      return changed;
    },
  };

  return {
    ...work,
    isBehind: objects.isBehind,
    isBusy,
    isSettled: () => !isBusy() && !placing.isWaiting(),
    apply(changes) {
      work.take(changes);
      work.advance(Infinity);
      return work.collect(false);
    },
    table: builder.table,
    get network() {
      return objects.network();
    },
    objects: store,
    policies,
    lists: lists.lists,
    listsVersion: lists.version,
    strangers: () => strangersOf(own, policies),
    concerns: policies.concerns,
    knows(namespace, name, uid) {
      const key = objectKey(namespace, name);
      return !policies.areUnclear(namespace) && own.knows(key, uid) && placing.isPlaced(key);
    },
  };
}

interface Parts extends ReturnType<typeof createKnown> {
  readonly builder: TableBuilder;
  readonly placing: Placing;
}

/** Objects on their way to what is known. */
function createObjects({ nodeName, network: initial }: PolicyEngineInput, parts: Parts) {
  const { lists, big, builder, placing } = parts;
  let network = initial;
  let isLayoutOld = false;
  const take = createTakeObjects({
    ...parts,
    nodeName,
    onOwnPod: placing.note,
    onNamespace: placing.soil,
    onResized(changed) {
      isLayoutOld ||= big.notice(changed);
    },
    onNetwork(next) {
      network = next;
      builder.setNetwork(next);
    },
  });
  const backlog = createBacklog({ take, looks: lists.looks });
  return {
    network: () => network,
    take(changes: readonly ObjectChange[]): void {
      for (const change of changes) {
        if (change.kind === "attachment") placing.attached(change);
        backlog.take(change);
      }
    },
    /** Answers how many looks are left. */
    advance(looks: number): number {
      const rest = backlog.advance(looks);
      if (isLayoutOld) placing.soil(undefined);
      isLayoutOld = false;
      return rest;
    },
    isBehind: backlog.isBehind,
    isBusy: () => !backlog.isEmpty(),
  };
}

/** What is known of objects, and who matches which selector. */
function createKnown({ digestOf, bigLimits = BIG_LIMITS }: PolicyEngineInput) {
  const store = createObjectStore();
  const lists = createMemberLists(store);
  const big = createBigSelectors(lists, bigLimits);
  const names = createNames(digestOf);
  const own = createOwnPods();
  const policies = createPolicyStore({
    namespaces: store.namespaces,
    selectsOwn: (subject) =>
      [...own.keysIn(subject.policy.namespace)].some((key) => {
        const pod = own.podOf(key);
        return pod !== undefined && matchesPod(subject, pod, store.namespaces.get(pod.namespace));
      }),
  });
  return { store, own, policies, names, lists, big };
}

function strangersOf(
  own: OwnPods,
  { concerns, areUnclear }: Pick<PolicyStore, "concerns" | "areUnclear">,
): ReadonlySet<string> {
  const unknown = new Set<string>();
  for (const key of own.keys) {
    const namespace = key.slice(0, key.indexOf("/"));
    const { known, strangers } = own.addressesOf(key);
    const parts = areUnclear(namespace) ? [known, strangers] : [strangers];
    // Most pods are known: their namespaces are not looked for among all policies.
    if (parts.every(({ length }) => length === 0) || !concerns(namespace)) continue;
    for (const part of parts) for (const address of part) unknown.add(address);
  }
  return unknown;
}
