import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { makeNode } from "../../testing/agent/agent-process.ts";
import { runShipped } from "../../testing/agent/run-causeway.ts";

/** A user namespace of its own has no rights over the network of another one. */
const WITHOUT_RIGHTS = ["unshare", "--user"];

test("an agent that cannot start says why and ends: before, its HTTP server kept it alive, healthy and useless", async () => {
  const node = makeNode();
  node.writeNodes("10.244.1.0/24");
  const flags = ["--standalone", "--nodes-file", node.nodesFile, "--node-name", "node-1"];
  const places = ["--socket", join(node.folder, "agent.sock"), "--cni-bin-dir", node.cniBinDir];
  const files = ["--cni-conf-dir", node.cniConfDir];
  const { exitCode, stderr } = await runShipped(["agent", ...flags, ...places, ...files], WITHOUT_RIGHTS);
  assert.equal(exitCode, 1);
  assert.match(stderr, /"error":"[^"]*EPERM [^"]*; the agent needs CAP_NET_ADMIN","msg":"Cannot start"/);
  await node.remove();
});
