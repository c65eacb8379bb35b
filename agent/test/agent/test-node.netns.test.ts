import assert from "node:assert/strict";
import { test } from "node:test";
import { makeNetns, runOnHost } from "../../testing/machine/netns.ts";
import { makeNode } from "../../testing/agent/agent-process.ts";

test("a test node that is removed leaves no link, also of a pod whose namespace lives on: the next node took its host ports for used", async (context) => {
  const links = (): Promise<string> => runOnHost("ip", "-br", "link");
  const before = await links();
  const node = makeNode();
  context.after(() => node.remove());
  node.writeNodes("10.244.1.0/24");
  await node.start("--standalone", "--nodes-file", node.nodesFile).waitUntilReady();
  const pod = await makeNetns();
  context.after(() => pod.remove());
  await node.add("lives-on", pod);
  await node.remove();
  assert.equal(await links(), before);
});
