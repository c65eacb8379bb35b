/** An address that is given again, on the real kernel, through the real agent and shim. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeNetns } from "../../testing/machine/netns.ts";
import { startFlow } from "../../testing/machine/start-flow.ts";
import { countArrived, makePolicyNode, type PolicyPod } from "../../testing/policy/policy-node.ts";

/** Three pods fit into it. */
const POD_CIDR = "10.244.1.0/29";
const CLOSED = { podSelector: { matchLabels: { app: "closed" } }, policyTypes: ["Ingress"] };

test("what a pod was sent does not reach an isolated one that gets its address, though the connection goes on", async (context) => {
  const cluster = await makePolicyNode(POD_CIDR);
  context.after(cluster.remove);
  cluster.putNamespace("shop");
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

  /** Pods come until one has the address. */
  async function giveAgain(wanted: string): Promise<PolicyPod> {
    for (let number = 0; number < 8; number++) {
      const key = `shop/heir-${number}`;
      cluster.putPod(key, { labels: { app: "closed" } });
      const pod = await cluster.add(key, { netns: await makeNetns() });
      if (pod.addresses[0] === wanted) return pod;
    }
    return assert.fail(`${wanted} was not given again`);
  }
});
