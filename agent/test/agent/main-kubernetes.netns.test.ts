import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { type ApiServer, startApiServer } from "../../testing/kube/api-server.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";

let node: TestNode;
let api: ApiServer;
let pods: Netns[] = [];

beforeEach(async () => {
  node = makeNode();
  api = await startApiServer();
});

afterEach(async () => {
  for (const pod of pods) await pod.remove();
  pods = [];
  await node.remove();
  await api.close();
});

async function makePod(): Promise<Netns> {
  const pod = await makeNetns();
  pods.push(pod);
  return pod;
}

function startAgent(...flags: readonly string[]): AgentProcess {
  const kubeconfig = join(node.folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: api.url, user: { token: "secret" } });
  return node.start("--kubeconfig", kubeconfig, ...flags);
}

function assignPodCidrs(...podCIDRs: readonly string[]): void {
  api.store.put({ name: NODE_NAME, addresses: ["192.0.2.10"], podCIDRs });
}

test("the agent waits for PodCIDRs without a crash, says why in /readyz and an Event, and serves once they come", async () => {
  assignPodCidrs();
  const agent = startAgent();
  const hint = /Node "node-1" has no PodCIDRs yet: run the controller manager with "--allocate-node-cidrs"/;
  await eventually("readiness names the reason", async () =>
    hint.test((await agent.get("/readyz"))?.text ?? ""),
  );
  await eventually("an event tells the operator", () => api.events.length > 0);
  assert.equal(api.events[0]?.["reason"], "NoPodCIDR");
  assert.match(String(api.events[0]?.["note"]), hint);
  assert.equal((await agent.get("/healthz"))?.status, 200);
  assignPodCidrs("10.244.1.0/24");
  await agent.waitUntilReady();
  assert.deepEqual(await node.add("c1", await makePod()), ["10.244.1.2"]);
});

test("an ADD that comes before the PodCIDRs waits and then gets its network", async () => {
  const first = startAgent();
  assignPodCidrs("10.244.1.0/24");
  await first.waitUntilReady();
  await first.end("SIGKILL");
  await runOnHost("ip", "link", "del", "cw0"); // as after a reboot: nothing in the kernel, conflist still there
  assignPodCidrs();
  startAgent();
  const adding = node.add("c1", await makePod());
  assignPodCidrs("10.244.1.0/24");
  assert.deepEqual(await adding, ["10.244.1.2"]);
});

test("PodCIDRs are served in their order: IPv6 first where the cluster says so", async () => {
  assignPodCidrs("fd00:1::/64", "10.244.1.0/24");
  const agent = startAgent();
  await agent.waitUntilReady();
  assert.deepEqual(await node.add("c1", await makePod()), ["fd00:1::2", "10.244.1.2"]);
});

test("a Node that is deleted and made again with another CIDR: new pods from the new one, old ones keep working", async () => {
  assignPodCidrs("10.244.1.0/24");
  const agent = startAgent();
  await agent.waitUntilReady();
  const [old, young] = [await makePod(), await makePod()];
  const [oldAddress = ""] = await node.add("old", old);
  api.store.remove(NODE_NAME);
  assignPodCidrs("10.244.8.0/24");
  await eventually("the new gateway is there", async () =>
    (await runOnHost("ip", "-o", "address", "show", "dev", "cw0")).includes("10.244.8.1/32"),
  );
  assert.deepEqual(await node.add("young", young), ["10.244.8.2"]);
  await young.run("ping", "-c1", "-w5", oldAddress);
  await old.run("ping", "-c1", "-w5", "10.244.1.1");
});

test("an agent that starts while the API server is away serves the PodCIDRs that the kernel remembers", async () => {
  assignPodCidrs("10.244.1.0/24", "fd00:1::/64");
  const first = startAgent();
  await first.waitUntilReady();
  await node.add("c1", await makePod());
  await first.end("SIGKILL");
  for (const verb of ["list", "watch"] as const) {
    api.setFault(verb, { kind: "status", code: 503, reason: "ServiceUnavailable", message: "away" });
  }
  // Else new pods wait until policies are known.
  const second = startAgent("--policy-start", "open");
  await second.waitUntilReady();
  assert.deepEqual(await node.add("c2", await makePod()), ["10.244.1.3", "fd00:1::3"]);
  await node.del("c1");
});

test("a node that Kubernetes does not know is not ready, and says which flag to compare", async () => {
  const agent = startAgent();
  await eventually("readiness names the flag", async () =>
    /Cannot find node "node-1": compare "--node-name"/.test((await agent.get("/readyz"))?.text ?? ""),
  );
  assert.equal(agent.child.exitCode, null);
});
