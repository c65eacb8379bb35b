import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";

let node: TestNode;
let pods: Netns[] = [];

beforeEach(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  pods = [await makeNetns(), await makeNetns(), await makeNetns()];
});

afterEach(async () => {
  for (const pod of pods) await pod.remove();
  await node.remove();
});

const start = () => node.start("--standalone", "--nodes-file", node.nodesFile);

for (const { signal, isSaved } of [
  // What is in the kernel is exact after a stop; a crash may lose the last seconds.
  { signal: "SIGTERM", isSaved: () => Promise.resolve(true) },
  {
    signal: "SIGKILL",
    isSaved: async () => (await runOnHost("ip", "link", "show", "cw0")).includes("10.244.1.3,fd00:1::3"),
  },
] as const) {
  test(`an address that was freed a moment before ${signal} of the agent is not given again at once (amazon-vpc-cni-k8s#1127)`, async () => {
    const first = start();
    await first.waitUntilReady();
    const [one, two, three] = pods;
    assert.ok(one !== undefined && two !== undefined && three !== undefined);
    await node.add("c1", one);
    assert.deepEqual(await node.add("c2", two), ["10.244.1.3", "fd00:1::3"]);
    await node.del("c2", two.path);
    await eventually("the address last given is in the kernel", isSaved);
    await first.end(signal);
    await start().waitUntilReady();
    assert.deepEqual(await node.add("c3", three), ["10.244.1.4", "fd00:1::4"]);
  });
}
