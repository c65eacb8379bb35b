/** Pods whose namespace comes after them, or goes before them. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { ObjectStore } from "../../testing/kube/resources/object-store.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { hasTable, makePolicyNode, type PolicyNode } from "../../testing/policy/policy-node.ts";

let cluster: PolicyNode;
let clusterPolicies: ObjectStore;

beforeEach(async () => {
  cluster = await makePolicyNode("10.244.1.0/24", "fd00:1::/64");
  for (const name of ["a", "b"]) cluster.putNamespace(name, { name });
  clusterPolicies = cluster.serveClusterPolicies();
  await cluster.start().waitUntilReady();
});

afterEach(() => cluster.remove());

test("the pods of a namespace that is deleted stay isolated when its policies go before them (CVE-2024-7598)", async () => {
  cluster.putPolicy("a/closed", { podSelector: {} });
  const web = await cluster.startPod("a/web");
  const stranger = await cluster.startPod("b/stranger");
  await cluster.podBecomes(false, stranger, web);
  cluster.api.objects("namespaces").put("a", {
    metadata: { name: "a", labels: { name: "a" }, deletionTimestamp: "2026-01-02T03:04:05Z" },
  });
  cluster.removePolicy("a/closed");
  // What comes behind it in the queue has been written by then.
  cluster.putPolicy("b/closed", { podSelector: {} });
  await cluster.podBecomes(false, web, stranger);
  for (const address of web.addresses) assert.equal(await cluster.reaches(stranger, address), false);
  cluster.api.objects("pods").remove("a/web");
  cluster.api.objects("namespaces").remove("a");
  cluster.removePolicy("b/closed");
  await cluster.podBecomes(true, web, stranger);
  for (const address of web.addresses) assert.equal(await cluster.reaches(stranger, address), false);
  await cluster.del(web);
  await eventually("nothing is left", async () => !(await hasTable()));
});

test("a pod whose namespace the API has not told of starts isolated where ClusterNetworkPolicies go by labels of namespaces", async () => {
  clusterPolicies.put("quiet", {
    metadata: { name: "quiet" },
    spec: {
      tier: "Admin",
      priority: 1,
      subject: { namespaces: { matchLabels: { stage: "live" } } },
      egress: [{ action: "Deny", to: [{ namespaces: {} }] }],
    },
  });
  cluster.putNamespace("live", { stage: "live" });
  const friend = await cluster.startPod("b/friend");
  const quiet = await cluster.startPod("live/quiet");
  await cluster.podBecomes(false, quiet, friend);
  const late = await cluster.startPod("late/pod");
  for (const address of late.addresses) {
    assert.equal(await cluster.reaches(friend, address), false);
    assert.equal(await cluster.reaches(undefined, address), true, "the own node");
  }
  for (const address of friend.addresses) assert.equal(await cluster.reaches(late, address), false);
  cluster.putNamespace("late", { stage: "live" });
  await cluster.podBecomes(true, friend, late);
  for (const address of friend.addresses) assert.equal(await cluster.reaches(late, address), false);
  cluster.putNamespace("late", { stage: "test" });
  await cluster.podBecomes(true, late, friend);
});
