import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { findDenial } from "../../plan/policy/compile/drop-names.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { createShopEngine } from "../../testing/policy/shop-engine.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { createPolicyKernel } from "./linux-policy-kernel.ts";
import type { PolicyKernel } from "./policy-kernel.ts";
import { DEFAULT_POLICY_OPTIONS } from "./policy-options.ts";

assertInsideTestNamespaces();
const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
const WEB = ["10.244.1.7", "fd00:10:244:1::7"] as const;
const FRONT = ["10.244.3.9", "fd00:10:244:3::9"] as const;
const GATEWAYS = ["10.244.1.1", "fd00:10:244:1::1"] as const;
const NOTHING = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };

let web: Netns;
let front: Netns;

/** Gateway of a namespace: the host. */
async function connect(netns: Netns, link: string, [v4, v6]: readonly [string, string]): Promise<void> {
  const gateway = (address: string): string => address.replace(/\d+$/, "1");
  await runOnHost(
    "sh",
    "-c",
    `set -e
    ip link add ${link} type veth peer name eth0 netns ${netns.pid}
    ip addr add ${gateway(v4)}/24 dev ${link}
    ip addr add ${gateway(v6)}/64 dev ${link} nodad
    ip link set ${link} up
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`,
  );
  await netns.run(
    "sh",
    "-c",
    `set -e
    ip addr add ${v4}/24 dev eth0
    ip addr add ${v6}/64 dev eth0 nodad
    ip link set eth0 up
    ip route add default via ${gateway(v4)}
    ip -6 route add default via ${gateway(v6)}`,
  );
}

before(async () => {
  web = await makeNetns();
  front = await makeNetns();
  await connect(web, "web0", WEB);
  await connect(front, "front0", FRONT);
});

afterEach(() => runOnHost("nft", "flush", "ruleset"));

after(async () => {
  netfilter.close();
  await web.remove();
  await front.remove();
});

async function answers(from: Netns | "host", address: string): Promise<boolean> {
  const ping = ["ping", "-c1", "-W1", address] as const;
  try {
    await (from === "host" ? runOnHost(...ping) : from.run(...ping));
    return true;
  } catch {
    return false;
  }
}

/**
 * The pod "web" of this node, under what is asked; the pod "front" is another node's, for all that policies
 * know.
 */
async function isolate(kernel: PolicyKernel, ...specs: readonly unknown[]) {
  const shop = createShopEngine();
  for (const [index, spec] of specs.entries()) shop.addPolicy(`p${index}`, spec);
  shop.addPod("web", { addresses: WEB, labels: { app: "web" } });
  shop.addPod("front", { addresses: FRONT, labels: { app: "front" }, node: "there" });
  await kernel.ensure(shop.engine.table);
  return shop;
}

for (const family of [0, 1] as const) {
  const name = family === 0 ? "IPv4" : "IPv6";
  test(`an isolated pod hears its own node, and nobody else (${name})`, async () => {
    assert.ok(await answers(front, WEB[family]), "without policies");
    await isolate(createPolicyKernel({ netfilter }), NOTHING);
    assert.ok(!(await answers(front, WEB[family])));
    assert.ok(!(await answers(web, FRONT[family])));
    assert.ok(await answers("host", WEB[family]));
  });

  test(`what a pod sends to its own node is egress, unless that is allowed; neighbour discovery passes (${name})`, async () => {
    const kernel = createPolicyKernel({ netfilter });
    await isolate(kernel, NOTHING);
    await web.run("ip", "neigh", "flush", "all");
    await runOnHost("ip", "neigh", "flush", "dev", "web0");
    assert.ok(!(await answers(web, GATEWAYS[family])));
    const neighbours = await web.run("ip", "neigh", "show", GATEWAYS[family]);
    assert.match(neighbours, /lladdr/, "the node has told its MAC address");
    assert.ok(await answers("host", WEB[family]));
    const options = { ...DEFAULT_POLICY_OPTIONS, toOwnNode: "allow" } as const;
    await isolate(createPolicyKernel({ netfilter, options }), NOTHING);
    assert.ok(await answers(web, GATEWAYS[family]));
    assert.ok(!(await answers(web, FRONT[family])));
  });
}

test("drops are counted by the name of what drops, which tells why", async () => {
  const kernel = createPolicyKernel({ netfilter });
  const { engine } = await isolate(kernel, NOTHING);
  assert.ok([...(await kernel.readDenials()).values()].every((packets) => packets === 0));
  await answers(front, WEB[0]);
  await answers(web, FRONT[0]);
  await answers(web, GATEWAYS[0]);
  const counted = [...(await kernel.readDenials())].filter(([, packets]) => packets > 0);
  assert.deepEqual(
    counted
      .map(([drop, packets]) => ({ packets, why: findDenial(engine.table, drop) }))
      .toSorted((a, b) => a.packets - b.packets),
    [
      { packets: 1, why: { direction: "ingress", tier: "NetworkPolicy", policies: ["shop/p0"] } },
      { packets: 2, why: { direction: "egress", tier: "NetworkPolicy", policies: ["shop/p0"] } },
    ],
  );
});

/** Policies by which the pod has another group each time. */
const allowing = (port: number) => ({
  podSelector: {},
  ingress: [{ from: [{ podSelector: { matchLabels: { app: "front" } } }] }, { ports: [{ port }] }],
});

test("a pod whose group changes all the time stays isolated, and hears whom it may hear", async () => {
  const kernel = createPolicyKernel({ netfilter });
  const shop = await isolate(kernel, allowing(1));
  await front.run("ip", "addr", "add", "10.244.3.66/24", "dev", "eth0");
  const flood = (source: string) =>
    front.run("sh", "-c", `ping -I ${source} -i 0.002 -W 1 -c 1500 -q ${WEB[0]} || true`);
  const floods = Promise.all([flood(FRONT[0]), flood("10.244.3.66")]);
  const over = new AbortController();
  void floods.finally(() => over.abort());
  let groups = 0;
  while (!over.signal.aborted) {
    const changes: readonly TableChange[] = shop.addPolicy("p0", allowing(2 + groups++));
    assert.ok(changes.some(({ kind }) => kind === "map pod"));
    await kernel.apply(changes);
  }
  const [allowed, denied] = await floods;
  assert.match(allowed, / 1500 received, 0% packet loss/);
  assert.match(denied, / 0 received, 100% packet loss/);
  assert.ok(groups > 50, `${groups} groups`);
});
