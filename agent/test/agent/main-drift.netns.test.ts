import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { hostLinkName } from "../../net/host-link.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";

let node: TestNode;
let agent: AgentProcess;
let pods: Netns[] = [];

beforeEach(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24");
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  pods = [await makeNetns(), await makeNetns()];
  for (const [index, pod] of pods.entries()) await node.add(`c${index}`, pod);
});

afterEach(async () => {
  for (const pod of pods) await pod.remove();
  await node.remove();
});

function reaches(target: string): Promise<boolean> {
  return (pods[1]?.run("ping", "-c1", "-W1", target) ?? assert.fail()).then(
    () => true,
    () => false,
  );
}

for (const { name, damage, kind } of [
  {
    name: "took a port out of the bridge",
    damage: `ip link set ${hostLinkName("c0", "eth0")} nomaster`,
    kind: "port",
  },
  { name: "deleted a neighbour", damage: "ip neighbour del 10.244.1.2 dev cw0", kind: "neighbour" },
  {
    name: "deleted a forwarding entry",
    damage: `bridge fdb del 0a:58:0a:f4:01:02 dev ${hostLinkName("c0", "eth0")} master`,
    kind: "forwarding_entry",
  },
  { name: "deleted the bridge", damage: "ip link del cw0", kind: "port" },
  { name: "deleted the gateway", damage: "ip address flush dev cw0", kind: "address" },
  { name: "set the bridge down", damage: "ip link set cw0 down", kind: "bridge" },
  {
    name: "switched the bridge's forwarding off",
    damage: "sysctl -qw net.ipv4.conf.cw0.forwarding=0",
    kind: "bridge",
  },
  { name: "flushed all nftables rules", damage: "nft flush ruleset", kind: "ruleset" },
  { name: "deleted the guard between pods", damage: "nft delete table bridge causeway", kind: "ruleset" },
  {
    name: "took a prefix out of the masquerade's sets",
    damage: "nft delete element inet causeway inside4 { 169.254.0.0/16 }",
    kind: "ruleset",
  },
]) {
  test(`somebody ${name}: it is put back from the kernel's notification, counted, and traffic flows again`, async () => {
    await eventually("the pod answers before", () => reaches("10.244.1.2"), agent.log);
    await runOnHost("sh", "-c", damage);
    await eventually(
      "the repair is counted",
      async () => ((await agent.metric(`causeway_drift_repairs_total{kind="${kind}"}`)) ?? 0) > 0,
      agent.log,
    );
    await eventually("the pod answers", () => reaches("10.244.1.2"), agent.log);
  });
}

test("a namespace that dies without a DEL frees its address within seconds: the kernel tells", async () => {
  const [pod] = pods;
  await pod?.remove();
  await eventually(
    "the address is free",
    async () => (await agent.metric("causeway_attachments")) === 1,
    agent.log,
  );
});
