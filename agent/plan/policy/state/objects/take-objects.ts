import { objectKey, type Pod, type PolicyName, takesPart } from "../../model.ts";
import type { MemberList, MemberLists } from "../members.ts";
import type { PodNetwork } from "../../compile/table-sets.ts";
import { createLastingPolicies } from "./lasting-policies.ts";
import type { ObjectChange } from "./object-change.ts";
import type { Attachment, OwnPods } from "./own-pods.ts";
import { isSamePod, type ObjectStore } from "./object-store.ts";
import type { PolicyStore } from "./policy-store.ts";

export interface TakeObjectsInput extends PodsInput {
  readonly policies: PolicyStore;
  /** Hears of each namespace whose labels, or whose policies, are others. */
  readonly onNamespace: (name: string | undefined) => void;
  readonly onNetwork: (network: PodNetwork) => void;
}

/** Takes changes of objects into what is known of them, one at a time. */
export function createTakeObjects(input: TakeObjectsInput): (change: ObjectChange) => void {
  const { store, own, lists, policies } = input;
  const pods = createPods(input);
  const lasting = createLastingPolicies(store, own);
  const setPolicy = (name: PolicyName, spec: string | undefined): void => {
    input.onNamespace(name.namespace);
    policies.set(name, spec);
  };
  const letGo = (namespace: string): void => {
    for (const policy of lasting.over(namespace)) setPolicy(policy, undefined);
  };
  return (change) => {
    switch (change.kind) {
      case "pod":
        pods.takePod(change.namespace, change.name, change.pod);
        letGo(change.namespace);
        return;
      case "attachment":
        for (const { namespace } of pods.takeAttachment(change.id, change.attachment)) letGo(namespace);
        return;
      case "namespace": {
        const changed = takeNamespace(store, lists, change);
        letGo(change.name);
        if (changed === undefined) return;
        input.onResized(changed);
        input.onNamespace(change.name);
        return;
      }
      case "node":
        takeNode(store, lists, change);
        return;
      case "policy":
        if (change.spec === undefined && lasting.keep(change.name)) return;
        lasting.forget(change.name);
        setPolicy(change.name, change.spec);
        return;
      case "pod network":
        input.onNetwork(change.network);
    }
  };
}

interface PodsInput {
  readonly nodeName: string;
  readonly store: ObjectStore;
  readonly own: OwnPods;
  readonly lists: MemberLists;
  /** Hears of lists whose number of members changed. */
  readonly onResized: (lists: readonly MemberList[]) => void;
  /** Hears of each pod of this node of which something else is known. */
  readonly onOwnPod: (key: string) => void;
}

interface Pods {
  takePod(namespace: string, name: string, pod: Pod | undefined): void;
  /** Answers those of the pods that are concerned. */
  takeAttachment(id: string, attachment: Attachment | undefined): readonly Attachment[];
}

/**
 * Keeps pods with the addresses that count: of this node's those that are attached, of others' those that the
 * API has.
 */
function createPods(input: PodsInput): Pods {
  const { nodeName, store, own, lists } = input;
  /** In the place of what was known of it. */
  const setPod = (namespace: string, name: string, next: Pod | undefined): void => {
    const before = store.podOf(namespace, name);
    if (before === next || (before !== undefined && next !== undefined && isSamePod(before, next))) return;
    store.setPod(namespace, name, next);
    input.onResized(lists.changePod(before, next));
  };
  /** After what is known of a pod of this node has changed. */
  const setOwnPod = (namespace: string, name: string): void => {
    const key = objectKey(namespace, name);
    input.onOwnPod(key);
    const pod = own.podOf(key);
    // One of another node has nothing to do with the attachment of its name.
    if (pod === undefined && store.podOf(namespace, name)?.node !== nodeName) return;
    const addresses = own.addressesOf(key).known;
    setPod(namespace, name, pod && takesPart(pod) ? { ...pod, addresses } : undefined);
  };
  return {
    takePod(namespace, name, pod) {
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
      input.onOwnPod(key);
    },
    takeAttachment(id, attachment) {
      const concerned = own.setAttachment(id, attachment);
      for (const { namespace, name } of concerned) setOwnPod(namespace, name);
      return concerned;
    },
  };
}

type ChangeOf<Kind extends ObjectChange["kind"]> = Extract<ObjectChange, { readonly kind: Kind }>;

/** Lists whose number of members changed; undefined: nothing that decides has changed. */
function takeNamespace(
  { namespaces, podsByNamespace }: ObjectStore,
  lists: MemberLists,
  { name, namespace }: ChangeOf<"namespace">,
): readonly MemberList[] | undefined {
  const before = namespaces.get(name);
  if (namespace === undefined) namespaces.delete(name);
  else namespaces.set(name, namespace);
  if (before?.labels === namespace?.labels) return undefined;
  return lists.changeNamespace(before, namespace, podsByNamespace.get(name)?.values() ?? []);
}

function takeNode({ nodes }: ObjectStore, lists: MemberLists, { name, node }: ChangeOf<"node">): void {
  const before = nodes.get(name);
  if (node === undefined) nodes.delete(name);
  else nodes.set(name, node);
  lists.changeNode(before, node);
}
