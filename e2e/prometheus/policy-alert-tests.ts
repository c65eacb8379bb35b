import assert from "node:assert/strict";
import type { AlertTester } from "./test-alert.ts";
import { NAMESPACE } from "./watched-lab.ts";

const policy = (spec: object): object => ({
  kind: "NetworkPolicy",
  metadata: { name: "of-shop", namespace: NAMESPACE.metadata.name },
  spec: { podSelector: {}, policyTypes: ["Ingress"], ...spec },
});

/** Faults of what the API, or the objects file, says of policies and of their pods. */
export function testPolicyAlerts({ testAlert }: AlertTester): void {
  testAlert("CausewayPolicyUnread", {
    what: "a policy has a peer of a kind that the agent does not know",
    inject: ({ node }) => {
      node.setObjects([NAMESPACE, policy({ ingress: [{ from: [{ serviceSelector: {} }] }] })]);
      return Promise.resolve();
    },
    lift: ({ node }) => {
      node.setObjects([NAMESPACE]);
      return Promise.resolve();
    },
  });

  testAlert("CausewayPolicyPodsUnknown", {
    what: "a pod starts that nothing tells of, in a namespace with a policy",
    async inject({ node, call }) {
      node.setObjects([NAMESPACE, policy({})]);
      assert.equal(await call("ADD", "unknown", "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=unknown"), 0);
    },
    async lift({ node, call }) {
      assert.equal(await call("DEL", "unknown", "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=unknown"), 0);
      node.setObjects([NAMESPACE]);
    },
  });
}
