import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";

/** Objects as the API has them: what this evaluator reads of them, and nothing else. */
export interface RawSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export interface RawPod {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly nodeName: string;
    readonly hostNetwork: boolean;
    readonly containers: readonly { readonly ports: readonly RawContainerPort[] }[];
    readonly initContainers: readonly {
      readonly restartPolicy?: string;
      readonly ports: readonly RawContainerPort[];
    }[];
  };
  readonly status: { readonly phase: string; readonly podIPs: readonly { readonly ip: string }[] };
}

export interface RawContainerPort {
  readonly name: string;
  readonly protocol?: string;
  readonly containerPort: number;
}

export interface RawPort {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

export interface RawPeer {
  readonly podSelector?: RawSelector;
  readonly namespaceSelector?: RawSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

export interface RawNetworkPolicy {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: {
    readonly podSelector?: RawSelector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly { readonly from?: readonly RawPeer[]; readonly ports?: readonly RawPort[] }[];
    readonly egress?: readonly { readonly to?: readonly RawPeer[]; readonly ports?: readonly RawPort[] }[];
  };
}

export interface RawClusterPeer {
  readonly namespaces?: RawSelector;
  readonly pods?: { readonly namespaceSelector: RawSelector; readonly podSelector: RawSelector };
  readonly networks?: readonly string[];
  readonly nodes?: RawSelector;
  readonly domainNames?: readonly string[];
}

export interface RawProtocol {
  readonly tcp?: { readonly destinationPort: RawDestination };
  readonly udp?: { readonly destinationPort: RawDestination };
  readonly sctp?: { readonly destinationPort: RawDestination };
  readonly destinationNamedPort?: string;
}

export interface RawDestination {
  readonly number?: number;
  readonly range?: { readonly start: number; readonly end: number };
}

export interface RawClusterRule {
  readonly action: string;
  readonly from?: readonly RawClusterPeer[];
  readonly to?: readonly RawClusterPeer[];
  readonly protocols?: readonly RawProtocol[];
}

export interface RawClusterPolicy {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly tier: string;
    readonly priority: number;
    readonly subject: Pick<RawClusterPeer, "namespaces" | "pods">;
    readonly ingress?: readonly RawClusterRule[];
    readonly egress?: readonly RawClusterRule[];
  };
}

export interface RawNode {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly status: { readonly addresses: readonly { readonly type: string; readonly address: string }[] };
}

export interface RawCluster {
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly nodes: readonly RawNode[];
  readonly pods: readonly RawPod[];
  readonly policies: readonly RawNetworkPolicy[];
  readonly clusterPolicies: readonly RawClusterPolicy[];
}

export interface Probe {
  readonly source: string;
  readonly destination: string;
  readonly protocol: "TCP" | "UDP" | "SCTP" | 1;
  readonly port: number;
}

/** A policy that came or changed, a ClusterNetworkPolicy where it has no namespace; without a spec it went. */
export function policyChange(
  namespace: string | undefined,
  name: string,
  spec: unknown,
): Extract<ObjectChange, { readonly kind: "policy" }> {
  const kind = namespace === undefined ? "ClusterNetworkPolicy" : "NetworkPolicy";
  return { kind: "policy", name: { kind, namespace, name }, spec: JSON.stringify(spec) };
}
