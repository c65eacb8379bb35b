import { objectKey, type Pod } from "../../model.ts";

/** A pod's interface on this node: what ADD and DEL say, whatever the API's status says. */
export interface Attachment {
  readonly namespace: string;
  readonly name: string;
  /** Undefined: the runtime did not tell. */
  readonly uid: string | undefined;
  /** Canonical. */
  readonly addresses: readonly string[];
}

/** Pods of this node: as the API has them, and as they are attached. */
export interface OwnPods {
  readonly keys: ReadonlySet<string>;
  /** Those of a namespace; of all where it is undefined. */
  keysIn(namespace: string | undefined): Iterable<string>;
  /** Undefined: deleted. One that is still attached keeps what it has until it is gone. */
  setPod(key: string, pod: Pod | undefined): void;
  /** Another node has one of this name by now. */
  forgetPod(key: string): void;
  /** The attachment before, and this one: of the pods that are concerned. */
  setAttachment(id: string, attachment: Attachment | undefined): readonly Attachment[];
  podOf(key: string): Pod | undefined;
  /** Whether the API has the pod, and it is not another one of that name. */
  knows(key: string, uid: string | undefined): boolean;
  /**
   * Addresses of the pod that the API has; `strangers`: of one that has its name, and of which nothing else
   * is known.
   */
  addressesOf(key: string): { readonly known: readonly string[]; readonly strangers: readonly string[] };
}

export function createOwnPods(): OwnPods {
  const pods = new Map<string, Pod>();
  const attachments = new Map<string, Attachment>();
  const idsByKey = new Map<string, Set<string>>();
  const { keys, keysIn, keep } = createKeys();
  /** Deleted, but still attached. */
  const leaving = new Set<string>();
  const refresh = (key: string): void => keep(key, pods.has(key) || idsByKey.has(key));
  const detach = (id: string, { namespace, name }: Attachment): void => {
    const key = objectKey(namespace, name);
    const ids = idsByKey.get(key);
    ids?.delete(id);
    if (ids?.size === 0) idsByKey.delete(key);
    if (!idsByKey.has(key) && leaving.delete(key)) pods.delete(key);
    refresh(key);
  };
  const knows = (key: string, uid: string | undefined): boolean => {
    const pod = pods.get(key);
    return pod !== undefined && (uid === undefined || pod.uid === undefined || uid === pod.uid);
  };
  return {
    keys,
    keysIn,
    setPod(key, pod) {
      if (pod !== undefined) {
        pods.set(key, pod);
        leaving.delete(key);
      } else if (idsByKey.has(key)) leaving.add(key);
      else pods.delete(key);
      refresh(key);
    },
    forgetPod(key) {
      pods.delete(key);
      leaving.delete(key);
      refresh(key);
    },
    setAttachment(id, attachment) {
      const before = attachments.get(id);
      if (before !== undefined) detach(id, before);
      attachments.delete(id);
      if (attachment !== undefined) {
        const key = objectKey(attachment.namespace, attachment.name);
        attachments.set(id, attachment);
        idsByKey.set(key, (idsByKey.get(key) ?? new Set()).add(id));
        refresh(key);
      }
      return [before, attachment].filter((one) => one !== undefined);
    },
    podOf: (key) => pods.get(key),
    knows,
    addressesOf(key) {
      const ids = [...(idsByKey.get(key) ?? [])];
      const own = ids.map((id) => attachments.get(id)).filter((one) => one !== undefined);
      const addressesOf = (isKnown: boolean): readonly string[] =>
        own.filter(({ uid }) => knows(key, uid) === isKnown).flatMap(({ addresses }) => addresses);
      return { known: addressesOf(true), strangers: addressesOf(false) };
    },
  };
}

function createKeys() {
  const keys = new Set<string>();
  const byNamespace = new Map<string, Set<string>>();
  return {
    keys,
    keysIn: (namespace: string | undefined): Iterable<string> =>
      namespace === undefined ? keys : (byNamespace.get(namespace) ?? []),
    keep(key: string, isKept: boolean): void {
      const namespace = key.slice(0, key.indexOf("/"));
      const siblings = byNamespace.get(namespace) ?? new Set();
      for (const set of [keys, siblings])
        if (isKept) set.add(key);
        else set.delete(key);
      if (siblings.size > 0) byNamespace.set(namespace, siblings);
      else byNamespace.delete(namespace);
    },
  };
}
