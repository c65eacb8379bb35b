import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import type { ApiFault } from "../../testing/kube/api-faults.ts";
import { type ApiServer, startApiServer } from "../../testing/kube/api-server.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { makeNetns, host } from "../../testing/machine/netns.ts";

let node: TestNode;
let api: ApiServer;

beforeEach(async () => {
  node = makeNode();
  api = await startApiServer();
  await host(`ip link add up0 type veth peer name far0 && ip link set far0 up &&
    ip address add 192.0.2.10/24 dev up0 && ip link set up0 up && ip route add default via 192.0.2.1`);
  put(NODE_NAME, "192.0.2.10", "10.244.1.0/24");
  put("near", "192.0.2.11", "10.244.2.0/24");
  put("far", "203.0.113.7", "10.244.3.0/24");
});

afterEach(async () => {
  await node.remove();
  await host("ip link del up0; ip link del cw-vx || true");
  await api.close();
});

function put(name: string, address: string, ...podCIDRs: readonly string[]): void {
  api.store.put({ name, addresses: [address], podCIDRs });
}

function startAgent(...flags: readonly string[]): AgentProcess {
  const kubeconfig = join(node.folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: api.url, user: { token: "secret" } });
  return node.start("--kubeconfig", kubeconfig, ...flags);
}

/** Routes to other nodes, as ip shows them. */
async function routes(): Promise<string[]> {
  const text = await host("ip route show proto 99");
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .toSorted();
}

const NEAR = "10.244.2.0/24 via 192.0.2.11 dev up0";
const FAR = "10.244.3.0/24 via 10.244.3.1 dev cw-vx src 10.244.1.1 onlink";

async function eventuallyRoutes(agent: AgentProcess, ...wanted: readonly string[]): Promise<void> {
  const isThere = async (): Promise<boolean> => (await routes()).join() === wanted.toSorted().join();
  await eventually(`the routes are ${wanted.join("; ")}`, isThere, async () => [await routes(), agent.log()]);
}

function away(fault: ApiFault | undefined): void {
  for (const verb of ["list", "watch"] as const) api.setFault(verb, fault);
}

const UNAVAILABLE = { kind: "status", code: 503, reason: "ServiceUnavailable", message: "away" } as const;

test("the agent is ready only when all other nodes can be reached, and follows them: added, changed, removed, made again", async () => {
  const agent = startAgent();
  await agent.waitUntilReady();
  assert.deepEqual(await routes(), [NEAR, FAR]);
  put("third", "192.0.2.13", "10.244.4.0/24");
  await eventuallyRoutes(agent, NEAR, FAR, "10.244.4.0/24 via 192.0.2.13 dev up0");
  put("third", "192.0.2.99", "10.244.4.0/24");
  await eventuallyRoutes(agent, NEAR, FAR, "10.244.4.0/24 via 192.0.2.99 dev up0");
  api.store.remove("third");
  put("third", "192.0.2.98", "10.244.5.0/24");
  await eventuallyRoutes(agent, NEAR, FAR, "10.244.5.0/24 via 192.0.2.98 dev up0");
  api.store.remove("third");
  await eventuallyRoutes(agent, NEAR, FAR);
  put("far", "192.0.2.7", "10.244.3.0/24");
  await eventuallyRoutes(agent, NEAR, "10.244.3.0/24 via 192.0.2.7 dev up0");
  await eventually(
    "the VXLAN device goes with the last that needs it",
    async () => !(await host("ip link show")).includes("cw-vx"),
  );
});

test("a PodCIDR goes to a newer Node once the old Node is gone, and not before (kube-ovn#169)", async () => {
  const agent = startAgent();
  await agent.waitUntilReady();
  const metadata = { name: "newer", uid: "u-newer", creationTimestamp: "2026-06-01T00:00:00Z" };
  const status = { addresses: [{ type: "InternalIP", address: "192.0.2.22" }] };
  api.store.put({ name: "newer", raw: { metadata, spec: { podCIDRs: ["10.244.2.0/24"] }, status } });
  const conflict = /node "newer" claims 10.244.2.0\/24, which belongs to node "near"/;
  await eventually("the log names both", () => conflict.test(agent.log().replaceAll("\\", "")), agent.log);
  await eventually("an Event on this node does so too", () =>
    api.events.some(({ reason, note }) => reason === "NodeRefused" && conflict.test(String(note))),
  );
  put("third", "192.0.2.23", "10.244.9.0/24");
  const third = "10.244.9.0/24 via 192.0.2.23 dev up0";
  await eventuallyRoutes(agent, NEAR, third, FAR);
  api.store.remove("near");
  await eventuallyRoutes(agent, "10.244.2.0/24 via 192.0.2.22 dev up0", third, FAR);
});

test("a relist that shows a replaced node before its removal does not cost the new node its route (antrea-io/antrea#1527)", async () => {
  const agent = startAgent();
  await agent.waitUntilReady();
  away(UNAVAILABLE);
  api.endWatches("cut");
  api.store.remove("near");
  put("a-replacement", "192.0.2.44", "10.244.2.0/24");
  api.store.compact();
  away(undefined);
  await eventuallyRoutes(agent, "10.244.2.0/24 via 192.0.2.44 dev up0", FAR);
});

test("a malformed Node is skipped with the reason, and the others are served", async () => {
  const agent = startAgent();
  await agent.waitUntilReady();
  const metadata = { name: "odd", uid: "u", creationTimestamp: "2026-01-01T00:00:00Z" };
  api.store.put({ name: "odd", raw: { metadata, spec: { podCIDRs: ["10.244.9.1/24"] }, status: {} } });
  put("third", "192.0.2.13", "10.244.4.0/24");
  await eventuallyRoutes(agent, NEAR, FAR, "10.244.4.0/24 via 192.0.2.13 dev up0");
  assert.equal(await agent.metric('causeway_nodes_skipped{reason="malformed"}'), 1);
  assert.match(agent.log(), /Cannot use node \\"odd\\": spec.podCIDRs.*10.244.9.1\/24/);
});

test("with the overlay off, a node on another subnet is reported as unreachable, in log, Event and metric", async () => {
  const agent = startAgent("--overlay", "never");
  await agent.waitUntilReady();
  assert.deepEqual(await routes(), [NEAR]);
  assert.equal(await agent.metric('causeway_peers{route="unreachable"}'), 1);
  const reason =
    /node "far" cannot be reached at 10.244.3.0\/24: its address 203.0.113.7 is not on a segment of this node, but behind gateway 192.0.2.1, and the overlay is off/;
  assert.match(agent.log().replaceAll("\\", ""), reason);
  await eventually("an Event says so", () => api.events.some(({ note }) => reason.test(String(note))));
});

for (const { name, fault } of [
  { name: "away", fault: UNAVAILABLE },
  { name: "hanging", fault: { kind: "hang" } },
  {
    name: "answering garbage",
    fault: { kind: "body", code: 200, type: "application/json", body: '{"kind":"NodeList","items":[]}' },
  },
  { name: "resetting connections", fault: { kind: "reset" } },
] as const) {
  test(`while the API server is ${name}, traffic's routes stay, ADD and DEL go on, and a restarted agent removes nothing`, async () => {
    const first = startAgent();
    await first.waitUntilReady();
    away(fault);
    api.endWatches("cut");
    const pod = await makeNetns();
    try {
      await node.add("c1", pod);
      await node.del("c1", pod.path);
      assert.deepEqual(await routes(), [NEAR, FAR]);
      await first.end("SIGKILL");
      // Else new pods wait until policies are known.
      const second = startAgent("--policy-start", "open");
      await second.waitUntilReady();
      assert.deepEqual(await routes(), [NEAR, FAR]);
      assert.match(await host("bridge fdb show dev cw-vx"), /dst 203.0.113.7/);
      await node.add("c2", pod);
      await node.del("c2", pod.path);
      await second.end("SIGTERM");
      api.store.remove("near");
      away(undefined);
      await eventuallyRoutes(startAgent(), FAR);
    } finally {
      await pod.remove();
    }
  });
}

test("this node's own address changes: its VXLAN device follows, and so do its routes", async () => {
  const agent = startAgent();
  await agent.waitUntilReady();
  await host("ip address add 198.51.100.10/24 dev up0");
  put(NODE_NAME, "198.51.100.10", "10.244.1.0/24");
  await eventually("the VXLAN device has the new address", async () =>
    (await host("ip -d link show type vxlan")).includes("local 198.51.100.10"),
  );
  await eventuallyRoutes(agent, NEAR, FAR);
});

test("pods' MTU follows the link that carries the node's address, and leaves room for the overlay", async () => {
  const agent = startAgent();
  await agent.waitUntilReady();
  const mtu = async (link: string): Promise<number> =>
    Number(/mtu (\d+)/.exec(await host(`ip link show ${link}`))?.[1]);
  assert.deepEqual([await mtu("cw0"), await mtu("cw-vx")], [1450, 1450]);
  await host("ip link set up0 mtu 1400");
  await eventually("both follow", async () => (await mtu("cw0")) === 1350 && (await mtu("cw-vx")) === 1350);
});
