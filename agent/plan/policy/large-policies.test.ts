import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../reconcile/policy/digest.ts";
import { parseNetworkPolicy } from "./parse/parse-network-policy.ts";
import { projectPod } from "./parse/project-pod.ts";
import { createPolicyEngine } from "./state/policy-engine.ts";
import type { ObjectChange } from "./state/objects/object-change.ts";

const RULES = 1000;

/** One of 1,000 prefixes that do not touch. */
const block = (index: number): object => ({
  ipBlock: { cidr: `10.${64 + (index >> 8)}.${index & 255}.0/25` },
});

const rules = (rule: (index: number) => object): readonly object[] =>
  Array.from({ length: RULES }, (_, i) => rule(i));

/** A pod of node "own" under a policy with these egress rules, and 2,000 pods of others. */
function planTable(egress: readonly object[]) {
  const policy = parseNetworkPolicy(
    { spec: { podSelector: {}, policyTypes: ["Egress"], egress } },
    "a",
    "large",
  );
  assert.deepEqual(policy.faults, []);
  const engine = createPolicyEngine({
    nodeName: "own",
    families: [4],
    network: { cidrs: [], gateways: [] },
    digestOf,
  });
  const pod = (name: string, node: string, podIP: string): ObjectChange => {
    const ports = [{ name: "http", containerPort: 80 }];
    const raw = {
      metadata: { namespace: "a", name },
      spec: { nodeName: node, containers: [{ ports }] },
      status: { podIP },
    };
    return { kind: "pod", namespace: "a", name, pod: projectPod(raw, () => false) };
  };
  const others = Array.from({ length: 2000 }, (_, index) =>
    pod(`other-${index}`, "other", `10.${64 + (index >> 8)}.${index & 255}.7`),
  );
  const attachment = { namespace: "a", name: "client", uid: undefined, addresses: ["192.0.2.1"] };
  engine.apply([
    { kind: "namespace", name: "a", namespace: { name: "a", labels: [] } },
    pod("client", "own", "192.0.2.1"),
    { kind: "attachment", id: "eth0", attachment },
    ...others,
    { kind: "policy", name: policy, policy },
  ]);
  return engine.table;
}

// A policy of 80 KB gave a million elements, of 1 KB in the kernel each, and all else waited 19 s for it.
test("a policy whose blocks have ports of their own has no more elements than it has blocks and ports", () => {
  const table = planTable(
    rules((index) => ({ to: [block(index)], ports: [{ port: 1 + index, endPort: 30_000 + index }] })),
  );
  const elements = [...table.sets.values()].reduce((sum, set) => sum + set.elements.size, 0);
  assert.ok(elements <= 2 * RULES + 10, `${elements} elements`);
});

// One of 18 KB kept everything waiting for 40 s.
test("named ports of many blocks are looked up once for each pod, whatever blocks there are", () => {
  const table = planTable(rules((index) => ({ to: [block(index)], ports: [{ port: "http" }] })));
  const exact = [...table.sets.values()].filter(({ spec }) => spec.name.endsWith("-exact"));
  assert.deepEqual(
    exact.map(({ elements }) => [elements.size, new Set(elements.values())]),
    [[RULES, new Set([1])]],
  );
});
