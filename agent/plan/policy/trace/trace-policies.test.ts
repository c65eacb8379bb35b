import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestEngine } from "../../../testing/policy/cluster-changes.ts";
import { HERE } from "../../../testing/policy/random-cluster.ts";
import { projectNamespace, projectPod } from "../parse/project-pod.ts";
import type { PolicyEngine } from "../state/policy-engine.ts";
import { tracePolicies } from "./trace-policies.ts";
import { policyChange } from "../../../testing/policy/raw-objects.ts";

const [WEB, DB, FAR, NODE] = ["10.244.1.10", "10.244.1.11", "10.244.2.20", "192.0.2.10"];

function pod(name: string, node: string, podIP: string) {
  const raw = {
    metadata: { namespace: "default", name, labels: { app: name } },
    spec: { nodeName: node, containers: [] },
    status: { phase: "Running", podIP },
  };
  return { kind: "pod" as const, namespace: "default", name, pod: projectPod(raw, () => true) };
}

const attached = (name: string, address: string) => {
  return {
    kind: "attachment" as const,
    id: name,
    attachment: { namespace: "default", name, uid: undefined, addresses: [address] },
  };
};

/**
 * default/web may be asked on port 8080 alone; default/db may ask nobody, but administrators let it reach
 * this node.
 */
function engine(): PolicyEngine {
  const made = createTestEngine();
  made.apply([
    { kind: "namespace", name: "default", namespace: projectNamespace({ metadata: { name: "default" } }) },
    pod("web", HERE, WEB),
    attached("web", WEB),
    pod("db", HERE, DB),
    attached("db", DB),
    pod("far", "other", FAR),
    policyChange("default", "web", {
      podSelector: { matchLabels: { app: "web" } },
      ingress: [{ ports: [{ port: 8080 }] }],
    }),
    policyChange("default", "db", { podSelector: { matchLabels: { app: "db" } }, policyTypes: ["Egress"] }),
    policyChange(undefined, "to-node", {
      tier: "Admin",
      priority: 1,
      subject: { namespaces: {} },
      egress: [{ name: "dns", action: "Accept", to: [{ networks: [`${NODE}/32`] }] }],
    }),
  ]);
  return made;
}

for (const { name, source, destination, port = 8080, protocol = 6, toOwnNode = "enforce" as const, want } of [
  {
    name: "a pod and itself",
    source: WEB,
    destination: WEB,
    want: ["egress true: a pod may always reach itself", "ingress true: a pod may always reach itself"],
  },
  {
    name: "both ends of this node",
    source: DB,
    destination: WEB,
    want: [
      "egress false: isolated by default/db, no rule allows it",
      "ingress true: NetworkPolicy default/web, ingress rule 1, allows it",
    ],
  },
  {
    name: "that no policy selects them",
    source: WEB,
    destination: DB,
    port: 80,
    want: [
      "egress true: no policy selects default/web for egress",
      "ingress true: no policy selects default/db for ingress",
    ],
  },
  {
    name: "a pod of another node, where its policies hold",
    source: WEB,
    destination: FAR,
    want: [
      "egress true: no policy selects default/web for egress",
      `ingress undefined: ${FAR} is not a pod of this node: its own node enforces its policies`,
    ],
  },
  {
    name: "the own node",
    source: DB,
    destination: NODE,
    protocol: 17,
    port: 53,
    want: ["egress true: Admin to-node, egress rule 1 (dns), allows it"],
  },
  {
    name: "the own node where the setting lets it pass",
    source: DB,
    destination: NODE,
    toOwnNode: "allow" as const,
    want: ["egress true: policy.toOwnNode lets pods reach their own node"],
  },
  {
    name: "what the node itself sends",
    source: NODE,
    destination: WEB,
    port: 1,
    want: ["ingress true: it comes from this node itself"],
  },
]) {
  test(`tracePolicies() tells ${name}`, () => {
    const context = {
      engine: engine(),
      nodeName: HERE,
      isLocal: (address: string) => address === NODE,
      toOwnNode,
    };
    const { hops } = tracePolicies(context, { source, destination, protocol, port });
    assert.deepEqual(
      hops.map(({ direction, passes, reason }) => `${direction} ${passes}: ${reason}`),
      want,
    );
    assert.ok(hops.every(({ isTableWrong }) => !isTableWrong));
  });
}

test("tracePolicies() names protocol and port, and says when the table is not what the policies say", () => {
  const made = engine();
  const context = { engine: made, nodeName: HERE, isLocal: () => false, toOwnNode: "enforce" as const };
  const packet = { source: FAR, destination: WEB, port: 80 };
  assert.equal(tracePolicies(context, { ...packet, protocol: 6 }).port, "TCP 80");
  assert.equal(tracePolicies(context, { ...packet, protocol: 1 }).port, "ICMP");
  const pods = { ...made.table.pods, "pods-in4": new Map<string, string>() };
  const broken = { ...context, engine: { ...made, table: { ...made.table, pods } } };
  const [hop] = tracePolicies(broken, { ...packet, protocol: 6 }).hops;
  assert.deepEqual([hop?.passes, hop?.isTableWrong], [false, true]);
});
