import { isObject } from "../../lib/json.ts";
import type { Namespace, PeerNode, Pod, PolicyName } from "../../plan/policy/model.ts";
import { writeJson } from "../../plan/policy/parse/fields.ts";
import { projectNamespace, projectPeerNode, projectPod } from "../../plan/policy/parse/project-pod.ts";
import { isSamePod } from "../../plan/policy/state/objects/object-store.ts";
import { metadataOf, type Projection, type WatchedKind } from "../reflector/kind.ts";

/** A policy as it came, which takes less room than what is read from it: there may be ten thousand. */
export interface PolicyObject {
  readonly name: PolicyName;
  /** JSON; "null" where it has no text, as an object of YAML that holds itself. */
  readonly spec: string;
}

/** API group of ClusterNetworkPolicy and its predecessors. */
export const POLICY_GROUP = "policy.networking.k8s.io";

const NAMELESS: Projection<never> = { kind: "malformed", reason: "it has no name" };

function usable<T>(object: T | undefined): Projection<T> {
  return object === undefined ? NAMELESS : { kind: "usable", object };
}

/** Pods; those of this node are told apart from others of their name by their UID. */
export function podKind(nodeName: string): WatchedKind<Pod> {
  return {
    kind: "Pod",
    resource: "pods",
    group: "",
    noun: "pod",
    project: (raw) => usable(projectPod(raw, (node) => node === nodeName)),
    isSame: isSamePod,
  };
}

export const NAMESPACES: WatchedKind<Namespace> = {
  kind: "Namespace",
  resource: "namespaces",
  group: "",
  noun: "namespace",
  project: (raw) => usable(projectNamespace(raw)),
  // Labels that are equal are one object.
  isSame: (a, b) => a.labels === b.labels && a.isEnding === b.isEnding,
};

/** Nodes as `nodes` peers of policies ask for them. */
export const PEER_NODES: WatchedKind<PeerNode> = {
  kind: "Node",
  resource: "nodes",
  group: "",
  noun: "node",
  project: (raw) => usable(projectPeerNode(raw)),
  isSame: (a, b) => a.labels === b.labels && a.addresses.join() === b.addresses.join(),
};

export const NETWORK_POLICIES: WatchedKind<PolicyObject> = {
  kind: "NetworkPolicy",
  resource: "networkpolicies",
  group: "networking.k8s.io",
  noun: "policy",
  project: (raw) => projectPolicy("NetworkPolicy", raw),
  isSame: isSamePolicy,
};

export const CLUSTER_POLICIES: WatchedKind<PolicyObject> = {
  kind: "ClusterNetworkPolicy",
  resource: "clusternetworkpolicies",
  group: POLICY_GROUP,
  noun: "policy",
  mayBeAbsent: true,
  project: (raw) => projectPolicy("ClusterNetworkPolicy", raw),
  isSame: isSamePolicy,
};

/** What came before ClusterNetworkPolicy, and is not enforced. */
export function formerKind(kind: "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy"): WatchedKind<true> {
  return {
    kind,
    resource: kind === "AdminNetworkPolicy" ? "adminnetworkpolicies" : "baselineadminnetworkpolicies",
    group: POLICY_GROUP,
    noun: "policy",
    isMetadataOnly: true,
    mayBeAbsent: true,
    project: () => ({ kind: "usable", object: true }),
    isSame: () => true,
  };
}

function projectPolicy(kind: PolicyName["kind"], raw: unknown): Projection<PolicyObject> {
  const { name, namespace } = metadataOf(raw);
  const isNamespaced = kind === "NetworkPolicy";
  if (typeof name !== "string" || (isNamespaced && typeof namespace !== "string")) return NAMELESS;
  return {
    kind: "usable",
    object: {
      name: { kind, name, namespace: isNamespaced ? String(namespace) : undefined },
      spec: (isObject(raw) && writeJson(raw["spec"])) || "null",
    },
  };
}

function isSamePolicy(a: PolicyObject, b: PolicyObject): boolean {
  return a.spec === b.spec;
}
