/**
 * From a release without network policies and back to it: pods that policies isolate are reached again, by
 * the code of that release.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { AgentProcess } from "../../testing/agent/agent-process.ts";
import { type FormerAgent, startFormerAgent } from "../../testing/agent/former-release.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import {
  hasTable,
  makePolicyNode,
  type PolicyNode,
  type PolicyPod,
} from "../../testing/policy/policy-node.ts";

const POD_CIDRS = ["10.244.1.0/24", "fd00:1::/64"];
const DAEMON_SET = "causeway";
const ENFORCED = { annotations: { "causeway.io/network-policies": "enforced" } };

let cluster: PolicyNode;
let former: FormerAgent | undefined;

beforeEach(async () => {
  cluster = await makePolicyNode(...POD_CIDRS);
  cluster.node.writeNodes(...POD_CIDRS);
  for (const name of ["a", "b"]) cluster.putNamespace(name);
  cluster.putPolicy("a/closed", { podSelector: {}, policyTypes: ["Ingress", "Egress"] });
});

afterEach(async () => {
  await former?.end();
  former = undefined;
  await cluster.remove();
});

/** An agent of today that has its DaemonSet in sight. */
async function startToday(): Promise<AgentProcess> {
  const agent = cluster.start("--daemon-set", `kube-system/${DAEMON_SET}`);
  await agent.waitUntilReady();
  await eventually("it watches its DaemonSet", () => cluster.api.daemonSets.watchers() === 1, agent.log);
  return agent;
}

async function assertReaches(isReached: boolean, from: PolicyPod, to: PolicyPod): Promise<void> {
  for (const address of to.addresses) assert.equal(await cluster.reaches(from, address), isReached, address);
}

test("pods of a release without policies are isolated by an upgrade, and reached again after a rollback to it: nothing drops any more", async () => {
  former = await startFormerAgent(cluster.node, 18_902);
  const [web, client] = [await cluster.startPod("a/web"), await cluster.startPod("b/client")];
  await assertReaches(true, client, web);
  await former.end();
  cluster.api.daemonSets.put(DAEMON_SET, ENFORCED);
  const agent = await startToday();
  await cluster.podBecomes(false, client, web);
  // As `helm rollback` does it: first the DaemonSet is another, then its pods are replaced.
  cluster.api.daemonSets.put(DAEMON_SET);
  await eventually(
    "it has seen that",
    () => agent.log().includes("The next agents enforce no network policies"),
    agent.log,
  );
  await assertReaches(false, client, web);
  await agent.end("SIGTERM");
  assert.equal(await hasTable(), false);
  former = await startFormerAgent(cluster.node, 18_903);
  await assertReaches(true, client, web);
  await assertReaches(true, web, client);
});

test("a restart of the same DaemonSet, or of one that never said that it enforces policies, leaves them in force", async () => {
  for (const options of [ENFORCED, {}]) {
    cluster.api.daemonSets.put(DAEMON_SET, options);
    const agent = await startToday();
    await cluster.startPod("a/web", {}, { uid: `uid-${Object.keys(options).length}` });
    assert.equal(await hasTable(), true);
    await agent.end("SIGTERM");
    assert.equal(await hasTable(), true);
  }
});
