/** Where runtimes let users choose a pod's MAC (podman, Multus), none gets what others are reached by. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BRIDGE_MAC, hostLinkName } from "../../net/host-link.ts";
import { otherEndMac, podMac } from "../../plan/pods/pod-network.ts";
import { makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";

const CHOSEN = "02:00:00:00:00:07";

let node: TestNode;
let pods: readonly Netns[];
let victim: Netns;
let friend: Netns;
let attacker: Netns;
let addresses: readonly string[];

before(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  await node.start("--standalone", "--nodes-file", node.nodesFile).waitUntilReady();
  pods = await Promise.all([makeNetns(), makeNetns(), makeNetns()]);
  [victim, friend, attacker] = pods as [Netns, Netns, Netns];
  addresses = await node.add("victim", victim);
  await node.add("friend", friend);
});

after(async () => {
  for (const pod of pods) await pod.remove();
  await node.remove();
});

async function assertReached(): Promise<void> {
  for (const address of addresses) await friend.run("ping", "-c1", "-W2", address);
  for (const gateway of ["10.244.1.1", "fd00:1::1"]) await victim.run("ping", "-c1", "-W2", gateway);
}

const ask = (mac: string) =>
  node.call("ADD", { containerId: "attacker", netns: attacker.path, args: `MAC=${mac}` });

for (const [whose, macOf] of [
  ["the gateway", () => BRIDGE_MAC],
  ["the other end of a link that the gateway would have", () => otherEndMac(BRIDGE_MAC)],
  ["another pod", () => podMac(addresses)],
  ["the other end of another pod's link", () => otherEndMac(podMac(addresses))],
  ["a pod to come", () => podMac(["10.244.1.99"])],
  ["the other end of the link of a pod to come", () => otherEndMac(podMac(["10.244.1.99"]))],
] as const) {
  test(`a pod that asks for the MAC of ${whose} is refused by name, and the others are reached as before, IPv4 and IPv6`, async () => {
    const { exitCode, stdout } = await ask(macOf());
    await assertReached();
    const { code, msg } = JSON.parse(stdout) as { readonly code: number; readonly msg: string };
    assert.deepEqual([exitCode, code], [1, 7], stdout);
    assert.match(msg, new RegExp(`^Cannot use MAC address ${macOf()}: `));
    assert.doesNotMatch(await runOnHost("ip", "link"), new RegExp(hostLinkName("attacker", "eth0")));
  });
}

test("of two pods that ask for one MAC at once, or for both ends of one link, one gets it", async () => {
  const other = await makeNetns();
  pods = [...pods, other];
  for (const mac of [CHOSEN, otherEndMac(CHOSEN)]) {
    const first = ask(CHOSEN);
    const second = node.call("ADD", { containerId: "second", netns: other.path, args: `MAC=${mac}` });
    const answers = await Promise.all([first, second]);
    assert.equal(answers.filter(({ exitCode }) => exitCode === 0).length, 1);
    await assertReached();
    await node.del("attacker", attacker.path);
    await node.del("second", other.path);
  }
});

test("a pod may ask for the MAC that follows from the address that it asks for", async () => {
  const [v4, v6] = ["10.244.1.99", "fd00:1::99"];
  const args = `IP=${v4},${v6};MAC=${podMac([v4])}`;
  const { exitCode, stdout } = await node.call("ADD", { containerId: "own", netns: attacker.path, args });
  assert.equal(exitCode, 0, stdout);
  await friend.run("ping", "-c1", "-W2", v4);
  await node.del("own", attacker.path);
});

test("a pod with a MAC that its user chose is reached, and nobody else can have it then", async () => {
  assert.equal((await ask(CHOSEN)).exitCode, 0);
  await assertReached();
  await attacker.run("ping", "-c1", "-W2", addresses[0] ?? "");
  const other = await makeNetns();
  pods = [...pods, other];
  for (const mac of [CHOSEN, otherEndMac(CHOSEN)]) {
    const { stdout } = await node.call("ADD", { containerId: "c4", netns: other.path, args: `MAC=${mac}` });
    assert.match(stdout, /"code":7.*it is that of container \\"attacker\\"/);
  }
});
