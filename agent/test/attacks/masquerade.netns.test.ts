/** Who gets the node's address: pods, and nobody who only says so. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";

let node: TestNode;
/** A machine on the node's segment. */
let outsider: Netns;
/** What is behind the node for it: 203.0.113.1 and 2001:db8:1::1. */
let world: Netns;
let pod: Netns;

beforeEach(async () => {
  node = makeNode();
  [outsider, world, pod] = await Promise.all([makeNetns(), makeNetns(), makeNetns()]);
  await host(`ip link add up0 type veth peer name up1 netns ${outsider.pid}; ip link add up2 type veth peer name up3 netns ${world.pid}
    ip address add 192.0.2.10/24 dev up0; ip -6 address add 2001:db8::10/64 dev up0 nodad; ip link set up0 up
    ip address add 203.0.113.10/24 dev up2; ip -6 address add 2001:db8:1::10/64 dev up2 nodad; ip link set up2 up
    ip route add default via 203.0.113.1; ip -6 route add default via 2001:db8:1::1`);
  await outsider.run(
    "sh",
    "-ec",
    `ip link set lo up; ip address add 192.0.2.1/24 dev up1; ip -6 address add 2001:db8::1/64 dev up1 nodad; ip link set up1 up
    ip route add default via 192.0.2.10; ip -6 route add default via 2001:db8::10`,
  );
  await world.run(
    "sh",
    "-ec",
    `ip address add 203.0.113.1/24 dev up3; ip -6 address add 2001:db8:1::1/64 dev up3 nodad; ip link set up3 up
    ip route add default via 203.0.113.10; ip -6 route add default via 2001:db8:1::10`,
  );
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  await node.start("--standalone", "--nodes-file", node.nodesFile).waitUntilReady();
});

afterEach(async () => {
  await Promise.all([outsider, world, pod].map((netns) => netns.remove()));
  await node.remove();
  await runOnHost("sh", "-c", "ip link del up0; ip link del up2; true");
});

/** Sends a datagram from an address of a namespace. */
async function send(from: Netns, source: string, to: string, port: number): Promise<void> {
  const script = `const socket = require("node:dgram").createSocket("${to.includes(":") ? "udp6" : "udp4"}");
    socket.bind(0, "${source}", () => socket.send("?", ${port}, "${to}", () => socket.close()))`;
  await from.run(process.execPath, "-e", script);
}

/** Source addresses and ports of destination of the datagrams that the world has seen. */
async function watchWorld(): Promise<() => Promise<string[]>> {
  await world.run(
    "nft",
    `table inet seen {
      set sources4 { type ipv4_addr . inet_service; flags dynamic; }
      set sources6 { type ipv6_addr . inet_service; flags dynamic; }
      chain input { type filter hook prerouting priority 0;
        udp dport 7777-7778 add @sources4 { ip saddr . udp dport }
        udp dport 7777-7778 add @sources6 { ip6 saddr . udp dport }
      }
    }`,
  );
  return async () => {
    const listed = JSON.parse(await world.run("nft", "-j", "list", "ruleset")) as {
      nftables: readonly { set?: { elem?: readonly { concat: readonly (string | number)[] }[] } }[];
    };
    return listed.nftables
      .flatMap(({ set }) => set?.elem ?? [])
      .map(({ concat }) => concat.join(" "))
      .toSorted();
  };
}

test("an outsider who sends from a pod's address gets nothing out under the node's address, the pod does", async () => {
  const addresses = await node.add("victim", pod);
  for (const address of addresses) {
    await outsider.run("ip", "address", "add", address, "dev", "lo");
  }
  const seen = await watchWorld();
  const targets = ["203.0.113.1", "2001:db8:1::1"];
  for (const [from, port] of [
    [outsider, 7777],
    [pod, 7778],
  ] as const)
    for (const [index, to] of targets.entries())
      await send(from, addresses[index] ?? assert.fail(), to, port);
  await eventually("the world has seen the pod", async () => (await seen()).length >= 2, seen);
  assert.deepEqual(await seen(), ["2001:db8:1::10 7778", "203.0.113.10 7778"]);
});
