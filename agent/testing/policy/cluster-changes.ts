import { digestOf } from "../../reconcile/policy/digest.ts";
import { cidrOf } from "../../net/cidr.ts";
import { objectKey } from "../../plan/policy/model.ts";
import { projectNamespace, projectPeerNode, projectPod } from "../../plan/policy/parse/project-pod.ts";
import type { BigLimits } from "../../plan/policy/state/big-selectors.ts";
import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";
import { createPolicyEngine, type PolicyEngine } from "../../plan/policy/state/policy-engine.ts";
import { GATEWAYS, HERE } from "./random-cluster.ts";
import type { RawCluster } from "./raw-objects.ts";
import { policyChange } from "./raw-objects.ts";

/**
 * An engine of the node {@link HERE} that knows nothing yet. Without limits that depend on what was before,
 * the same objects give the same table.
 */
export function createTestEngine(bigLimits: BigLimits = { shareAbove: 2, copyBelow: 3 }): PolicyEngine {
  const cidrs = [cidrOf("10.244.0.0", 16), cidrOf("fd00::", 16)];
  return createPolicyEngine({
    digestOf,
    nodeName: HERE,
    families: [4, 6],
    network: { cidrs, gateways: GATEWAYS },
    bigLimits,
  });
}

/** What tells an engine of all objects, by a name of each. */
export function changesOf(cluster: RawCluster): ReadonlyMap<string, ObjectChange> {
  const changes = new Map<string, ObjectChange>();
  for (const [name, labels] of Object.entries(cluster.namespaces))
    changes.set(`namespace ${name}`, {
      kind: "namespace",
      name,
      namespace: projectNamespace({ metadata: { name, labels } }),
    });
  for (const raw of cluster.nodes)
    changes.set(`node ${raw.metadata.name}`, {
      kind: "node",
      name: raw.metadata.name,
      node: projectPeerNode(raw),
    });
  for (const raw of cluster.pods) {
    const { namespace, name } = raw.metadata;
    const id = objectKey(namespace, name);
    changes.set(`pod ${id}`, { kind: "pod", namespace, name, pod: projectPod(raw, () => true) });
    if (raw.spec.nodeName !== HERE || raw.spec.hostNetwork || raw.status.phase !== "Running") continue;
    const addresses = raw.status.podIPs.map(({ ip }) => ip);
    changes.set(`attachment ${id}`, {
      kind: "attachment",
      id,
      attachment: { namespace, name, uid: undefined, addresses },
    });
  }
  for (const { metadata, spec } of cluster.policies)
    changes.set(
      `policy ${objectKey(metadata.namespace, metadata.name)}`,
      policyChange(metadata.namespace, metadata.name, spec),
    );
  for (const { metadata, spec } of cluster.clusterPolicies)
    changes.set(`policy ${metadata.name}`, policyChange(undefined, metadata.name, spec));
  return changes;
}

/** The same object gone. */
export function removalOf(change: ObjectChange): ObjectChange {
  switch (change.kind) {
    case "pod":
      return { ...change, pod: undefined };
    case "namespace":
      return { ...change, namespace: undefined };
    case "node":
      return { ...change, node: undefined };
    case "policy":
      return { ...change, spec: undefined };
    case "attachment":
      return { ...change, attachment: undefined };
    case "pod network":
      return change;
  }
}
