import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { heapBytes } from "../../testing/process/heap-bytes.ts";
import { createTestEngine } from "../../testing/policy/cluster-changes.ts";
import { createObjectStore, diffStores, putObject } from "../reflector/object-store.ts";
import { NETWORK_POLICIES, type PolicyObject } from "./kinds.ts";
import { policyChange } from "./policy-changes.ts";

const POLICIES = 5000;

/** Beside the text of its spec. */
const MOST_BYTES = 500;

function policyOf(index: number): object {
  const from = [
    { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": `team-${index % 30}` } } },
  ];
  const spec = {
    podSelector: { matchLabels: { app: `app-${index % 8}` } },
    policyTypes: ["Ingress"],
    ingress: [{ from, ports: [{ protocol: "TCP", port: 8080 }] }],
  };
  return { metadata: { namespace: `namespace-${index % 300}`, name: `policy-${index}` }, spec };
}

/** What is kept of policies as they come from the API server: of their objects, and by the engine. */
function knowPolicies(count: number) {
  const store = createObjectStore<PolicyObject>();
  const engine = createTestEngine();
  for (let index = 0; index < count; index++)
    putObject(NETWORK_POLICIES, store, JSON.parse(JSON.stringify(policyOf(index))), store);
  engine.apply(
    diffStores(createObjectStore<PolicyObject>(), store).flatMap((change) => policyChange(change) ?? []),
  );
  return { store, engine };
}

// It was some 750, and all that is read of 10,000 policies, ten times as much, was in memory at once.
test(`each of ${POLICIES} policies that select no pod of the node takes ${MOST_BYTES} bytes and its text`, async (t) => {
  knowPolicies(100);
  await setImmediate();
  const before = heapBytes();
  const known = knowPolicies(POLICIES);
  // What weak references were asked for in this turn is held until the next one.
  await setImmediate();
  heapBytes();
  await setImmediate();
  const bytes = (heapBytes() - before) / POLICIES;
  const text = [...known.store.objects.values()].reduce((sum, { spec }) => sum + spec.length, 0) / POLICIES;
  t.diagnostic(`${bytes.toFixed(0)} bytes, ${text.toFixed(0)} of them text`);
  assert.equal(known.engine.policies.size, POLICIES);
  assert.ok(bytes - text <= MOST_BYTES, `${(bytes - text).toFixed(0)} bytes`);
});
