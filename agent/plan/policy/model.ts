import type { Cidr } from "../../net/cidr.ts";
import type { Labels } from "./labels.ts";

export type Direction = "ingress" | "egress";

export const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

/** In the order in which they are asked. */
export type Tier = "Admin" | "NetworkPolicy" | "Baseline";

/** `Accept` and `Deny` are final, `Pass` skips the rest of its tier. Rules of a NetworkPolicy accept. */
export type Action = "Accept" | "Deny" | "Pass";

export type Protocol = "TCP" | "UDP" | "SCTP";

/** Port that a container declares. */
export interface ContainerPort {
  readonly name: string | undefined;
  readonly protocol: Protocol;
  readonly port: number;
}

/** What policies ask of a Pod object. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  /** Undefined where nobody asks: only pods of this node are told apart from others of their name. */
  readonly uid: string | undefined;
  readonly labels: Labels;
  /** Canonical, of both families. */
  readonly addresses: readonly string[];
  /**
   * Those of containers before those of restartable init containers: the first of a name and protocol counts.
   * Those without a name are kept of this node's pods only.
   */
  readonly ports: readonly ContainerPort[];
  /** Undefined: not scheduled yet. */
  readonly node: string | undefined;
  readonly phase: string;
  readonly hostNetwork: boolean;
}

export interface Namespace {
  readonly name: string;
  readonly labels: Labels;
  /** It was deleted, and goes once all that is in it has gone. */
  readonly isEnding: boolean;
}

/** What a `nodes` peer asks of a Node object. */
export interface PeerNode {
  readonly name: string;
  readonly labels: Labels;
  /** All of its status, canonical. */
  readonly addresses: readonly string[];
}

/** One requirement on labels. `NotIn` and `DoesNotExist` hold for objects without the key. */
export interface Requirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  /** Sorted, each once; empty where the operator takes none. */
  readonly values: readonly string[];
  /** As the API's `labelSelector` parameter writes it; the same text means the same requirement. */
  readonly text: string;
  /**
   * Whether the API server understands the text: it lets objects of old have values that no label can have.
   */
  readonly isValid: boolean;
}

/** Holds for labels that meet all requirements; without any it holds for all. */
export interface LabelSelector {
  readonly requirements: readonly Requirement[];
  /** The same text means the same selector. */
  readonly text: string;
}

/** Pods by their labels in namespaces by name or by label. */
export interface PodChoice {
  readonly namespaces: string | LabelSelector;
  readonly pods: LabelSelector;
}

export interface PodSelector extends PodChoice {
  /** The same key means the same selector. */
  readonly key: string;
}

/** Inclusive. */
export interface PortRange {
  readonly protocol: Protocol;
  readonly first: number;
  readonly last: number;
}

/** A name to be looked up at the destination pod. */
export interface PortName {
  readonly name: string;
  /** Undefined: of any protocol. */
  readonly protocol: Protocol | undefined;
}

/** Any of these; none at all matches nothing. */
export interface Ports {
  readonly ranges: readonly PortRange[];
  readonly names: readonly PortName[];
}

/** A block of addresses without those in `except`. */
export interface Network {
  readonly cidr: Cidr;
  readonly except: readonly Cidr[];
}

/** The other end of a connection. */
export type Peer =
  | { readonly kind: "pods"; readonly selector: PodSelector }
  | { readonly kind: "networks"; readonly networks: readonly Network[] }
  | { readonly kind: "nodes"; readonly selector: LabelSelector };

export interface Rule {
  /** Place in its list, from 1. */
  readonly number: number;
  /** Only rules of a ClusterNetworkPolicy may have one. */
  readonly name: string | undefined;
  readonly action: Action;
  /** Any of these; undefined: whoever it is, also outside the cluster. */
  readonly peers: readonly Peer[] | undefined;
  /** Undefined: everything, also protocols without ports. */
  readonly ports: Ports | undefined;
}

/** What of an object cannot be read; the policy is closed by as much. */
export interface Fault {
  /** Such as `spec.ingress[0].from[1].ipBlock.cidr`. */
  readonly path: string;
  /** Cut to a bearable length. */
  readonly value: string;
  /** Such as `is not a prefix`. */
  readonly problem: string;
}

/** A NetworkPolicy or a ClusterNetworkPolicy, as enforced: what could not be read is closed already. */
export interface Policy {
  readonly kind: "NetworkPolicy" | "ClusterNetworkPolicy";
  readonly tier: Tier;
  /** 0 to 1000, lower first; 0 in the tier NetworkPolicy, where no order counts. */
  readonly priority: number;
  /** Undefined for a ClusterNetworkPolicy. */
  readonly namespace: string | undefined;
  readonly name: string;
  /** Pods that it is about. */
  readonly subject: PodSelector;
  /**
   * Undefined: says nothing of that direction. A NetworkPolicy isolates in the directions that it has, be the
   * list empty or not.
   */
  readonly rules: Readonly<Record<Direction, readonly Rule[] | undefined>>;
  readonly faults: readonly Fault[];
}

/** Kind and name of a policy; `namespace` is undefined for a ClusterNetworkPolicy. */
export type PolicyName = Pick<Policy, "kind" | "namespace" | "name">;

/** Name of an object in maps: `NAMESPACE/NAME`, or `NAME` of what has no namespace. */
export function objectKey(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** How logs, metrics and `trace` call a policy. */
export function policyTitle({ tier, namespace, name }: Pick<Policy, "tier" | "namespace" | "name">): string {
  return `${tier} ${objectKey(namespace, name)}`;
}

/**
 * Whether a pod is subject and peer of policies: not on the host's network, whose address is the node's, and
 * not over, as its address may be somebody else's by now. A terminating pod is both until it is gone.
 */
export function takesPart({ hostNetwork, phase }: Pick<Pod, "hostNetwork" | "phase">): boolean {
  return !hostNetwork && phase !== "Succeeded" && phase !== "Failed";
}
