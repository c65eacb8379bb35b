/** An address that is given again, on the real kernel, through the real agent and shim. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns } from "../../testing/machine/netns.ts";
import { startFlow } from "../../testing/machine/start-flow.ts";
import {
  countArrived,
  countDatagrams,
  makePolicyNode,
  type PolicyNode,
  type PolicyPod,
} from "../../testing/policy/policy-node.ts";

/** Three pods fit into it. */
const POD_CIDR = "10.244.1.0/29";
const CLOSED = { podSelector: { matchLabels: { app: "closed" } }, policyTypes: ["Ingress"] };

let cluster: PolicyNode;

beforeEach(async () => {
  cluster = await makePolicyNode(POD_CIDR);
  cluster.putNamespace("shop");
});

afterEach(() => cluster.remove());

/** Pods that a policy isolates come until one has the address. */
async function giveAgain(wanted: string): Promise<PolicyPod> {
  for (let number = 0; number < 8; number++) {
    const key = `shop/heir-${number}`;
    cluster.putPod(key, { labels: { app: "closed" } });
    const pod = await cluster.add(key, { netns: await makeNetns() });
    if (pod.addresses[0] === wanted) return pod;
  }
  return assert.fail(`${wanted} was not given again`);
}

test("what a pod was sent does not reach an isolated one that gets its address, though the connection goes on", async (context) => {
  await cluster.start().waitUntilReady();
  cluster.putPolicy("shop/closed", CLOSED);
  const client = await cluster.startPod("shop/client");
  const former = await cluster.startPod("shop/former");
  const [address = ""] = former.addresses;
  const flow = await startFlow(context, { from: client.netns, to: former.netns, address, port: 7000 });
  await cluster.del(former);
  await flow.stops();
  const heir = await giveAgain(address);
  const before = await countArrived(client.netns);
  assert.equal(await countArrived(heir.netns), 0, "datagrams that passed");
  assert.equal(before, 0);
});

test("answers to a pod that went while no agent was there do not reach an isolated one that gets its address", async (context) => {
  const agent = cluster.start();
  await agent.waitUntilReady();
  cluster.putPolicy("shop/closed", CLOSED);
  const server = await cluster.startPod("shop/server");
  const former = await cluster.startPod("shop/former");
  const [[address = ""], [asked = ""]] = [former.addresses, server.addresses];
  const flow = await startFlow(context, { from: former.netns, to: server.netns, address: asked, port: 7000 });
  await agent.end("SIGKILL");
  await former.netns.run("ip", "link", "del", "eth0");
  await flow.stops();
  await cluster.start().waitUntilReady();
  const heir = await giveAgain(address);
  // The server does not know that they are lost.
  const before = await countDatagrams(server.netns, "OutDatagrams");
  await eventually(
    "the server sends on",
    async () => (await countDatagrams(server.netns, "OutDatagrams")) > before + 10,
  );
  assert.equal(await countArrived(heir.netns), 0, "datagrams that passed");
});
