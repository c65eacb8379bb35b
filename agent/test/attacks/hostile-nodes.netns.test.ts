import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { type ApiServer, startApiServer } from "../../testing/kube/api-server.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { host } from "../../testing/machine/netns.ts";

let node: TestNode;
let api: ApiServer;
let agent: AgentProcess;

/**
 * A node at 192.0.2.10 with two networks; its router is 198.51.100.1, which lies in no prefix of a link, as
 * clouds have it.
 */
before(async () => {
  node = makeNode();
  api = await startApiServer();
  await host(`ip link add up0 type veth peer name far0; ip link set far0 up; ip link set up0 addrgenmode none
    ip link add up1 type veth peer name far1; ip link set far1 up; ip link set up1 addrgenmode none
    ip address add 192.0.2.10/24 dev up0; ip -6 address add 2001:db8::10/64 dev up0 nodad
    ip address add 172.20.0.1/16 dev up1; ip -6 address add fd20::1/64 dev up1 nodad
    ip link set up0 up; ip link set up1 up
    ip route add default via 198.51.100.1 dev up0 onlink; ip -6 route add default via 2001:db8:ffff::1 dev up0 onlink`);
  put(NODE_NAME, 1, ["192.0.2.10", "2001:db8::10"], "10.244.1.0/24", "fd00:1::/64");
  put("near", 2, ["192.0.2.11", "2001:db8::11"], "10.244.2.0/24", "fd00:2::/64");
  put("far", 2, ["203.0.113.7", "2001:db8:7::7"], "10.244.3.0/24", "fd00:3::/64");
  const kubeconfig = join(node.folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: api.url, user: { token: "secret" } });
  agent = node.start("--kubeconfig", kubeconfig);
  await agent.waitUntilReady();
});

after(async () => {
  await node.remove();
  await host("ip link del up0; ip link del up1; ip link del cw-vx || true");
  await api.close();
});

/** Nobody watches meanwhile, and no event tells of it later. */
function relistAfter(change: () => void): void {
  api.endWatches("cut");
  change();
  api.store.compact();
}

/** Makes or changes a Node that is as old as `second` says: the less, the older. */
function put(
  name: string,
  second: number,
  addresses: readonly string[],
  ...podCIDRs: readonly string[]
): void {
  const creationTimestamp = `2026-01-01T00:00:${String(second).padStart(2, "0")}Z`;
  const status = { addresses: addresses.map((address) => ({ type: "InternalIP", address })) };
  api.store.put({
    name,
    raw: { metadata: { name, uid: `u-${name}`, creationTimestamp }, spec: { podCIDRs }, status },
  });
}

async function routes(): Promise<string[]> {
  const text = await host("ip route show proto 99; ip -6 route show proto 99");
  return text.split("\n").flatMap((line) => /^(\S+)/.exec(line)?.[1] ?? []);
}

const EXPECTED = ["10.244.2.0/24", "10.244.3.0/24", "fd00:2::/64", "fd00:3::/64"];

/** Ways that must stay what they are, of the node itself. */
const ROUTE_KINDS = [
  "8.8.8.8",
  "169.254.169.254",
  "198.51.100.1",
  "192.0.2.200",
  "172.20.9.9",
  "203.0.113.7",
  "2001:db8:9::9",
  "2001:db8:ffff::1",
  "2001:db8::200",
  "fd20::9",
  "10.244.2.5",
  "fd00:2::5",
];

function ways(): Promise<string> {
  return host(
    ROUTE_KINDS.map((address) => `ip route get ${address} | head -1 | sed 's/ uid .*//'`).join("\n"),
  );
}

/** What a Node may try to have, by family; the metric's label says why it has not. */
const ATTACKS: readonly {
  readonly what: string;
  readonly reason: string;
  readonly cidrs: readonly string[];
}[] = [
  { what: "half the world", reason: "too_wide", cidrs: ["128.0.0.0/1", "8000::/1"] },
  { what: "the cloud's metadata", reason: "reserved", cidrs: ["169.254.169.252/30", "fe80::/64"] },
  { what: "NAT64, well known and local", reason: "reserved", cidrs: ["64:ff9b::/96", "64:ff9b:1::/96"] },
  { what: "loopback", reason: "reserved", cidrs: ["127.0.0.0/8", "::/112"] },
  { what: "multicast", reason: "reserved", cidrs: ["224.0.0.0/8", "ff02::/16"] },
  { what: "the router", reason: "gateway", cidrs: ["198.51.100.0/24", "2001:db8:ffff::/64"] },
  { what: "one server", reason: "too_narrow", cidrs: ["8.8.8.8/32", "2001:db8:9::9/128"] },
  { what: "half of the LAN", reason: "connected", cidrs: ["192.0.2.128/25", "2001:db8:0:0:8000::/65"] },
  {
    what: "half of the second network",
    reason: "connected",
    cidrs: ["172.20.128.0/17", "fd20::8000:0:0:0/65"],
  },
  { what: "the node itself", reason: "connected", cidrs: ["192.0.0.0/8", "2001:db8::/32"] },
  { what: "another node", reason: "other_node", cidrs: ["203.0.113.0/24", "2001:db8:7::/64"] },
  { what: "another node's PodCIDR", reason: "conflict", cidrs: ["10.244.2.0/24", "fd00:2::/64"] },
  { what: "a part of it", reason: "conflict", cidrs: ["10.244.2.0/25", "fd00:2::/65"] },
  { what: "a wider one", reason: "conflict", cidrs: ["10.244.0.0/16", "fd00::/16"] },
  { what: "this node's PodCIDR", reason: "conflict", cidrs: ["10.244.1.0/25", "fd00:1::/65"] },
];

for (const { way, addresses } of [
  { way: "direct", addresses: ["192.0.2.66", "2001:db8::66"] },
  { way: "overlay", addresses: ["203.0.113.66", "2001:db8:66::66"] },
]) {
  for (const { what, reason, cidrs } of ATTACKS) {
    test(`a Node that claims ${what} gets no route, ${way}, IPv4 and IPv6`, async () => {
      const former = await ways();
      put("hostile", 9, addresses, ...cidrs);
      const metric = `causeway_peers_refused{reason="${reason}"}`;
      await eventually("both are refused", async () => (await agent.metric(metric)) === 2, agent.log);
      assert.deepEqual((await routes()).toSorted(), EXPECTED);
      assert.equal(await ways(), former);
      for (const cidr of cidrs) assert.ok(agent.log().includes(cidr), `the log names ${cidr}`);
      api.store.remove("hostile");
      await eventually("it is over", async () => (await agent.metric(metric)) === 0, agent.log);
    });
  }
}

test("what is refused is told by an Event with name and reason", () => {
  const notes = api.events.filter(({ reason }) => reason === "NodeRefused").map(({ note }) => String(note));
  assert.match(notes.join(), /PodCIDR 128.0.0.0\/1 of node "hostile" is refused: it is wider than \/8/);
});

for (const address of ["127.0.0.1", "224.0.0.9", "0.0.0.0", "192.0.2.10", "::1", "2001:db8::10"]) {
  test(`a Node with the address ${address} is not reached there`, async () => {
    put("hostile", 9, [address], "10.244.9.0/24");
    const metric = 'causeway_peers_refused{reason="node_address"}';
    await eventually("the address is refused", async () => (await agent.metric(metric)) === 1, agent.log);
    assert.deepEqual((await routes()).toSorted(), EXPECTED);
    api.store.remove("hostile");
    await eventually("it is over", async () => (await agent.metric(metric)) === 0, agent.log);
  });
}

for (const address of ["192.0.2.255", "2001:db8::"]) {
  test(`a Node at ${address}, which is a whole subnet's, gets no packet: neither by a route nor by the overlay`, async () => {
    put("hostile", 9, [address], "10.244.9.0/24");
    const metric = 'causeway_peers{route="held"}';
    await eventually("the node is held", async () => (await agent.metric(metric)) === 1, agent.log);
    assert.deepEqual((await routes()).toSorted(), EXPECTED);
    assert.ok(!(await host("bridge fdb show")).includes(`dst ${address}`));
    api.store.remove("hostile");
    await eventually("it is over", async () => (await agent.metric(metric)) === 0, agent.log);
  });
}

/** A Node that is made again has another UID, and is as young as it is. */
function again(
  name: string,
  second: number,
  addresses: readonly string[],
  ...cidrs: readonly string[]
): void {
  api.store.remove(name);
  put(name, second, addresses, ...cidrs);
}

const NEAR_AT = ["192.0.2.11", "2001:db8::11"];
const FAR_AT = ["203.0.113.7", "2001:db8:7::7"];

/** As objects first said. */
async function restore(): Promise<void> {
  again("near", 2, NEAR_AT, "10.244.2.0/24", "fd00:2::/64");
  again("far", 2, FAR_AT, "10.244.3.0/24", "fd00:3::/64");
  await eventually("all is as it was", async () => (await wayTo()).join() === BEFORE.join(), wayTo);
}

/** How n1 reaches one pod of each prefix. */
const wayTo = async (): Promise<readonly string[]> => {
  const asked = ["10.244.2.5", "10.244.3.5", "fd00:2::5", "fd00:3::5"].map((address) =>
    host(`ip -o route get ${address} 2>&1 || true`),
  );
  return (await Promise.all(asked)).map((text) => {
    if (text.includes("dev cw-vx")) return "far";
    return /via (192\.0\.2\.11|2001:db8::11) /.test(text) ? "near" : "nowhere";
  });
};
const BEFORE = ["near", "far", "near", "far"];

for (const { when, during } of [
  { when: "in one batch of a watch", during: (change: () => void): void => change() },
  { when: "between two lists", during: relistAfter },
]) {
  test(`a Node that is deleted and made again with another node's PodCIDR does not get it: ${when}`, async () => {
    during(() => again("near", 9, NEAR_AT, "10.244.3.0/24", "fd00:3::/64"));
    const metric = 'causeway_peers_refused{reason="conflict"}';
    await eventually("both prefixes are refused", async () => (await agent.metric(metric)) === 2, agent.log);
    assert.deepEqual(await wayTo(), ["nowhere", "far", "nowhere", "far"]);
    await restore();
  });

  test(`two Nodes that are made again with each other's PodCIDRs are reached as they say: ${when}`, async () => {
    during(() => {
      again("near", 8, NEAR_AT, "10.244.3.0/24", "fd00:3::/64");
      again("far", 9, FAR_AT, "10.244.2.0/24", "fd00:2::/64");
    });
    const swapped = ["far", "near", "far", "near"];
    await eventually("they are swapped", async () => (await wayTo()).join() === swapped.join(), wayTo);
    await restore();
  });
}

test("this node is not ready while an older Node has its PodCIDR, its pods keep theirs, and it is ready when that Node is gone", async () => {
  put("older", 0, ["192.0.2.12"], "10.244.1.0/24");
  const refusal = /pod CIDRs: node "node-1" claims 10.244.1.0\/24, which belongs to node "older"/;
  const text = async (): Promise<string> => (await agent.get("/readyz"))?.text ?? "";
  await eventually("the node says why", async () => refusal.test(await text()), agent.log);
  assert.match(await host("ip -o address show dev cw0"), /10\.244\.1\.1\/32/);
  assert.deepEqual((await routes()).toSorted(), EXPECTED);
  api.store.remove("older");
  await agent.waitUntilReady();
});
