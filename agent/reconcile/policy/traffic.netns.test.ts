/**
 * Policies and traffic on the real kernel: an engine, its table, real connections, and what the kernel tells
 * of drops.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Kernel } from "../../kernel/kernel.ts";
import { openLinuxKernel } from "../../kernel/linux-kernel.ts";
import { loadNative } from "../../kernel/socket/native.ts";
import { createNetlinkClient } from "../../kernel/socket/netlink-client.ts";
import { removeAll } from "../../kernel/socket/remove-all.ts";
import { systemClock } from "../../lib/clock.ts";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { parseConnection } from "../../netlink/state/connection.ts";
import { deleteConnection, dumpAllConnections } from "../../netlink/state/conntrack.ts";
import { createDenialTotals } from "../../plan/policy/drops/denial-totals.ts";
import { type Drop, describeDrop } from "../../plan/policy/drops/describe-drop.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import { startFlow, type TickingFlow } from "../../testing/machine/start-flow.ts";
import { fillConnections, forgetFilled } from "../../testing/packets/fill-connections.ts";
import { createShopEngine, type ShopEngine } from "../../testing/policy/shop-engine.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { createEndForbidden, type EndForbidden } from "./end-forbidden.ts";

assertInsideTestNamespaces();

interface TestPod {
  readonly name: string;
  readonly netns: Netns;
  readonly hostLink: string;
  readonly addresses: readonly [string, string];
}

let kernel: Kernel;
let shop: ShopEngine;
let ender: EndForbidden;
let web: TestPod;
let client: TestPod;
const pods: TestPod[] = [];
let ended: number;
/** Never given twice: the kernel remembers connections of pods that are gone. */
let lastNumber = 0;

async function makePod(name: string, labels: Readonly<Record<string, string>>): Promise<TestPod> {
  const number = ++lastNumber;
  const netns = await makeNetns();
  const [hostLink, link] = [`pod${number}`, `eth${number}`];
  const addresses = [`10.244.${number}.2`, `fd00:10:244:${number}::2`] as const;
  await host(`ip link add ${hostLink} type veth peer name ${link} netns ${netns.pid}; ip link set ${hostLink} up
    ip address add 10.244.${number}.1/24 dev ${hostLink}; ip -6 address add fd00:10:244:${number}::1/64 dev ${hostLink} nodad`);
  await netns.run(
    "sh",
    "-ec",
    `ip link set lo up; ip address add ${addresses[0]}/24 dev ${link}; ip -6 address add ${addresses[1]}/64 dev ${link} nodad
    ip link set ${link} up; ip route add default via 10.244.${number}.1; ip -6 route add default via fd00:10:244:${number}::1`,
  );
  shop.addPod(name, { addresses, labels });
  const pod = { name, netns, hostLink, addresses } as const;
  pods.push(pod);
  return pod;
}

beforeEach(async () => {
  await host("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
  kernel = openLinuxKernel(loadNative(), {
    after: systemClock.after,
    onError: (error) => assert.fail(String(error)),
  });
  shop = createShopEngine();
  web = await makePod("web", { app: "web" });
  client = await makePod("client", { app: "client" });
  ended = 0;
  ender = createEndForbidden({
    table: shop.engine.table,
    toOwnNode: "enforce",
    kernel: kernel.policyTraffic,
    clock: systemClock,
    onEnded: (counts) => (ended += counts.ended),
    onError: (error) => assert.fail(String(error)),
  });
  await kernel.policy.ensure(shop.engine.table);
  ender.begin();
});

afterEach(async () => {
  await ender.stop();
  kernel.close();
  await runOnHost("nft", "flush", "ruleset");
  for (const { netns, hostLink } of pods.splice(0)) {
    await runOnHost("ip", "link", "delete", hostLink);
    await netns.remove();
  }
});

async function commit(changes: readonly TableChange[]): Promise<void> {
  await kernel.policy.apply(changes);
  ender.changed(changes);
}

/**
 * Resolves when nothing arrives any more at either end, though both go on to send; gives the milliseconds
 * until then.
 */
async function whenEnded(flow: TickingFlow): Promise<number> {
  const startMs = performance.now();
  let lastMs = startMs;
  let before = JSON.stringify(flow.received());
  while (performance.now() - lastMs < 500) {
    await delay(5);
    const now = JSON.stringify(flow.received());
    if (now !== before) lastMs = performance.now();
    before = now;
  }
  return lastMs - startMs;
}

const from = (app: string): object => ({
  podSelector: { matchLabels: { app: "web" } },
  ingress: [{ from: [{ podSelector: { matchLabels: { app } } }] }],
});
const FROM_CLIENT = from("client");
const CLOSED = { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Ingress"] };

for (const [family, index] of [
  ["IPv4", 0],
  ["IPv6", 1],
] as const) {
  test(`connections over ${family} that a change forbids end within a second in both directions, and go on when it is taken back`, async (context) => {
    await commit(shop.addPolicy("closed", CLOSED));
    await commit(shop.addPolicy("from-client", FROM_CLIENT));
    const address = web.addresses[index];
    const flow = await startFlow(context, { from: client.netns, to: web.netns, address, port: 7000 });
    const own = await startFlow(context, {
      from: web.netns,
      to: client.netns,
      address: client.addresses[index],
      port: 7001,
    });
    await commit(shop.removePolicy("from-client"));
    const takenMs = await whenEnded(flow);
    assert.ok(takenMs < 1000, `it took ${Math.round(takenMs)} ms`);
    assert.equal(ended, 2, "TCP and UDP");
    await own.goesOn();
    await commit(shop.addPolicy("from-client", FROM_CLIENT));
    await flow.goesOn();
  });
}

for (const { verdict, text } of [
  { verdict: "accept", text: "" },
  { verdict: "masquerade", text: ", and who asked is hidden on its way on" },
])
  test(`connections through a service that a change forbids end within a second, and one that stays allowed goes on${text}`, async (context) => {
    await runOnHost(
      "nft",
      `table ip service {
        chain to { type nat hook prerouting priority -100
          ip daddr 10.96.0.1 meta l4proto { tcp, udp } dnat to ${web.addresses[0]}
        }
        chain from { type nat hook postrouting priority 100
          ip daddr ${web.addresses[0]} ct status dnat ${verdict}
        }
      }`,
    );
    await commit(shop.addPolicy("closed", CLOSED));
    await commit(shop.addPolicy("from-client", FROM_CLIENT));
    await commit(shop.addPolicy("from-friend", from("friend")));
    const friend = await makePod("friend", { app: "friend" });
    await kernel.policy.ensure(shop.engine.table);
    const asked = { to: web.netns, address: web.addresses[0], asked: "10.96.0.1" };
    const flow = await startFlow(context, { from: client.netns, ...asked, port: 7004 });
    const other = await startFlow(context, { from: friend.netns, ...asked, port: 7005 });
    await commit(shop.removePolicy("from-client"));
    const takenMs = await whenEnded(flow);
    assert.ok(takenMs < 1000, `it took ${Math.round(takenMs)} ms`);
    await other.goesOn();
  });

test("an isolated pod that has lost its neighbours finds its gateway: neighbour discovery is no traffic of pods", async (context) => {
  await commit(shop.addPolicy("closed", CLOSED));
  const [, address] = web.addresses;
  await web.netns.run("ip", "-6", "neighbour", "flush", "dev", `eth${web.hostLink.slice(3)}`);
  await startFlow(context, { from: web.netns, to: client.netns, address: client.addresses[1], port: 7003 });
  assert.match(
    await web.netns.run("ip", "-6", "neighbour"),
    new RegExp(`^${address.slice(0, -1)}1 .*lladdr`, "m"),
  );
});

test("a drop names both pods, the port and the policy that isolates; its counter stays when the chain goes", async () => {
  await commit(shop.addPolicy("closed", CLOSED));
  const drops: Drop[] = [];
  const context = { engine: shop.engine, isLocal: () => false };
  const watch = kernel.policyTraffic.watchDrops(
    (name, packet) => {
      const drop = describeDrop(context, name, packet);
      if (drop !== undefined) drops.push(drop);
    },
    (error) => assert.fail(String(error)),
  );
  const send = new URL("../../testing/packets/send-datagram.ts", import.meta.url);
  await eventually("a drop is told", async () => {
    await client.netns.call(send, "any", web.addresses[0], "7002", "00");
    return drops.length > 0;
  });
  watch.stop();
  assert.deepEqual(drops[0], {
    direction: "ingress",
    from: { address: client.addresses[0], pod: "shop/client" },
    to: { address: web.addresses[0], pod: "shop/web" },
    protocol: "UDP",
    port: 7002,
    policies: ["shop/closed"],
    reason: "isolated by shop/closed, no rule allows it",
    hint: undefined,
  });
  const totals = createDenialTotals();
  const counts = async () => {
    totals.update(shop.engine.table, await kernel.policy.readDenials());
    return totals.list().map(({ namespace, policy, packets }) => `${namespace}/${policy} ${packets > 0}`);
  };
  assert.deepEqual(await counts(), ["shop/closed true"]);
  await commit(shop.removePolicy("closed"));
  const left = [...(await kernel.policy.readDenials()).keys()].filter((name) => /-d\d+$/.test(name));
  assert.deepEqual(left, []);
  assert.deepEqual(await counts(), ["shop/closed true"]);
});

/** Datagrams to web that passed all policies, by who sent them. */
async function passed(): Promise<readonly number[]> {
  const text = await runOnHost("nft", "list", "table", "ip", "passed");
  return [...text.matchAll(/packets (\d+)/g)].map(([, packets]) => Number(packets));
}

const FLOW_PORT = 7006;

test("a table of connections that is full lets nothing new in, cuts nothing, and is as before when there is room", async (context) => {
  const friend = await makePod("friend", { app: "friend" });
  await kernel.policy.ensure(shop.engine.table);
  await commit(shop.addPolicy("closed", CLOSED));
  await commit(shop.addPolicy("from-client", FROM_CLIENT));
  const flow = await startFlow(context, {
    from: client.netns,
    to: web.netns,
    address: web.addresses[0],
    port: FLOW_PORT,
  });
  const sources = [client, friend].map(
    ({ addresses: [address] }) => `ip saddr ${address} udp dport 7007 counter`,
  );
  await runOnHost(
    "nft",
    `table ip passed {
      chain passed { type filter hook postrouting priority 95; ${sources.join("; ")}; }
    }`,
  );
  const send = new URL("../../testing/packets/send-datagram.ts", import.meta.url);
  const sendFromBoth = async (): Promise<void> => {
    for (const { netns } of [client, friend]) await netns.call(send, "any", web.addresses[0], "7007", "00");
  };
  await sendFromBoth();
  assert.deepEqual(await passed(), [1, 0]);
  const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
  context.after(() => netfilter.close());
  // In a table that is nearly full the kernel forgets what has had no answer (gc_worker of
  // net/netfilter/nf_conntrack_core.c), which would make room: only the flow's connections stay.
  await netfilter.walk(dumpAllConnections(), (payloads) => {
    const others = payloads
      .map(parseConnection)
      .filter(({ destinationPort }) => destinationPort !== FLOW_PORT);
    return removeAll(netfilter, others.map(deleteConnection));
  });
  await fillConnections(netfilter);
  const counts = ["count", "max"].map((name) => `/proc/sys/net/netfilter/nf_conntrack_${name}`);
  const [count = "", max = ""] = (await runOnHost("cat", ...counts)).split("\n");
  assert.ok(Number(count) >= Number(max), `${count} of ${max}`);
  for (let round = 0; round < 5; round++) await sendFromBoth();
  assert.deepEqual(await passed(), [1, 0], "neither who is allowed nor who is not begins a connection");
  await flow.goesOn();
  await forgetFilled(netfilter);
  await sendFromBoth();
  assert.deepEqual(await passed(), [2, 0]);
  await flow.goesOn();
});
