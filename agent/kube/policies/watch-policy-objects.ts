import type { Namespace, PeerNode, Pod } from "../../plan/policy/model.ts";
import type { ObjectChange as EngineChange } from "../../plan/policy/state/objects/object-change.ts";
import type { WatchNeeds } from "../../plan/policy/watches.ts";
import { NODES_PATH } from "../nodes/node-reflector.ts";
import type { WatchedKind } from "../reflector/kind.ts";
import type { ObjectChange } from "../reflector/object-store.ts";
import { createReflectorSet, type NamedScope, type ReflectorSet } from "../reflector/reflector-set.ts";
import type { ReflectorOptions } from "../reflector/run.ts";
import { watchClusterPolicyDefinition } from "./cluster-policy-definition.ts";
import { watchFormerPolicies } from "./former-policies.ts";
import {
  CLUSTER_POLICIES,
  NAMESPACES,
  NETWORK_POLICIES,
  PEER_NODES,
  podKind,
  POLICY_GROUP,
  type PolicyObject,
} from "./kinds.ts";
import { namespaceChange, nodeChange, podChange, policyChange } from "./policy-changes.ts";
import type { HearObjects, PolicySource } from "./policy-source.ts";

export interface WatchPolicyObjectsInput
  extends Pick<ReflectorOptions<never>, "client" | "log" | "clock" | "random"> {
  readonly nodeName: string;
  readonly onChange: HearObjects;
}

/** Served versions, the newest first: the objects are the same in both. */
const CLUSTER_POLICY_SCOPES = ["v1beta1", "v1alpha2"].map((version): NamedScope => {
  const path = `/apis/${POLICY_GROUP}/${version}/clusternetworkpolicies`;
  return { path, title: `clusternetworkpolicies (${version})` };
});

const CONSEQUENCE = "policies stay in force as they are";

/**
 * Follows what policies are about, and of other nodes' pods what {@link PolicySource.follow} names and no
 * more.
 */
export function watchPolicyObjects(input: WatchPolicyObjectsInput): PolicySource {
  const { nodeName, onChange } = input;
  const open = <T>(
    kind: WatchedKind<T>,
    translate: (change: ObjectChange<T>) => EngineChange | undefined,
    onHeard: () => void = () => undefined,
  ): ReflectorSet<T> =>
    createReflectorSet({
      ...input,
      kind,
      consequence: CONSEQUENCE,
      onChange(changes) {
        onHeard();
        const told = changes.flatMap((change) => translate(change) ?? []);
        onChange(
          told,
          told.some((change) => change.kind === "pod" && change.pod?.node === nodeName),
        );
      },
    });
  const pods: ReflectorSet<Pod> = open(podKind(nodeName), podChange);
  const namespaces: ReflectorSet<Namespace> = open(NAMESPACES, namespaceChange);
  const policies: ReflectorSet<PolicyObject> = open(NETWORK_POLICIES, policyChange);
  const clusterPolicies = followClusterPolicies(input, (onHeard) =>
    open(CLUSTER_POLICIES, policyChange, onHeard),
  );
  const nodes: ReflectorSet<PeerNode> = open(PEER_NODES, nodeChange);
  const former = watchFormerPolicies({ ...input, onChange: () => onChange([], false) });
  const sets = [pods, namespaces, policies, clusterPolicies, nodes];

  const ownPods: NamedScope = {
    path: "/api/v1/pods",
    fieldSelector: `spec.nodeName=${nodeName}`,
    title: "pods of this node",
  };
  pods.setScopes([ownPods]);
  namespaces.setScopes([{ path: "/api/v1/namespaces" }]);
  policies.setScopes([{ path: "/apis/networking.k8s.io/v1/networkpolicies" }]);

  return {
    follow(needs) {
      pods.setScopes([ownPods, ...podScopes(needs)]);
      nodes.setScopes(needs.nodes ? [{ path: NODES_PATH, title: "nodes of policies" }] : []);
    },
    isComplete: () => sets.every((set) => set.isComplete()),
    faults: () => sets.flatMap((set) => set.faults()),
    notices: former.notices,
    watches: () => sets.reduce((sum, set) => sum + set.watches(), 0),
    async close() {
      await Promise.all([...sets, former].map((set) => set.close()));
    },
  };
}

/**
 * The newest version that the server has; an older one is followed for as long as the newer is not there.
 * Without a definition none is asked for: thousands of agents would do it all the time.
 */
function followClusterPolicies(
  input: WatchPolicyObjectsInput,
  open: (onHeard: () => void) => ReflectorSet<PolicyObject>,
): ReflectorSet<PolicyObject> {
  const policies = open(chooseVersion);
  const definition = watchClusterPolicyDefinition({
    ...input,
    onChange() {
      chooseVersion();
      policies.lookAgain();
    },
  });
  function chooseVersion(): void {
    const [newest] = CLUSTER_POLICY_SCOPES;
    const isAbsent = newest !== undefined && policies.isAbsent(newest);
    const wanted = isAbsent ? CLUSTER_POLICY_SCOPES : CLUSTER_POLICY_SCOPES.slice(0, 1);
    policies.setScopes(definition.isMissing() ? [] : wanted);
  }
  chooseVersion();
  return {
    ...policies,
    async close() {
      await Promise.all([policies.close(), definition.close()]);
    },
  };
}

function podScopes({ pods }: WatchNeeds): readonly NamedScope[] {
  switch (pods.kind) {
    case "none":
      return [];
    case "cluster":
      return [{ path: "/api/v1/pods", labelSelector: pods.labelSelector, title: "pods of the cluster" }];
    case "namespaces":
      return [...pods.namespaces].map(([name, labelSelector]) => {
        const path = `/api/v1/namespaces/${name}/pods`;
        return { path, labelSelector, title: `pods of namespace "${name}"` };
      });
  }
}
