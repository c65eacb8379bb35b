import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { addressToBytes } from "../../net/address.ts";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { findDenial } from "../../plan/policy/compile/drop-names.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { icmpv6, ipv4, redirect4 } from "../../testing/packets/raw-frames.ts";
import { answers, FRONT, GATEWAYS, makePodPair, type PodPair, WEB } from "../../testing/packets/pod-pair.ts";
import { isolateWeb } from "../../testing/policy/shop-engine.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { createPolicyKernel } from "./linux-policy-kernel.ts";
import { DEFAULT_POLICY_OPTIONS } from "./policy-options.ts";

assertInsideTestNamespaces();
const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
const NOTHING = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };

let pair: PodPair;
let web: Netns;
let front: Netns;

before(async () => {
  pair = await makePodPair();
  ({ web, front } = pair);
});

afterEach(() => runOnHost("nft", "flush", "ruleset"));

after(async () => {
  netfilter.close();
  await pair.remove();
});

for (const family of [0, 1] as const) {
  const name = family === 0 ? "IPv4" : "IPv6";
  test(`an isolated pod hears its own node, and nobody else (${name})`, async () => {
    assert.ok(await answers(front, WEB[family]), "without policies");
    await isolateWeb(createPolicyKernel({ netfilter }), NOTHING);
    assert.ok(!(await answers(front, WEB[family])));
    assert.ok(!(await answers(web, FRONT[family])));
    assert.ok(await answers("host", WEB[family]));
  });

  test(`what a pod sends to its own node is egress, unless that is allowed; neighbour discovery passes (${name})`, async () => {
    const kernel = createPolicyKernel({ netfilter });
    await isolateWeb(kernel, NOTHING);
    await web.run("ip", "neigh", "flush", "all");
    await runOnHost("ip", "neigh", "flush", "dev", "web0");
    assert.ok(!(await answers(web, GATEWAYS[family])));
    const neighbours = await web.run("ip", "neigh", "show", GATEWAYS[family]);
    assert.match(neighbours, /lladdr/, "the node has told its MAC address");
    assert.ok(await answers("host", WEB[family]));
    const options = { ...DEFAULT_POLICY_OPTIONS, toOwnNode: "allow" } as const;
    await isolateWeb(createPolicyKernel({ netfilter, options }), NOTHING);
    assert.ok(await answers(web, GATEWAYS[family]));
    assert.ok(!(await answers(web, FRONT[family])));
  });
}

test("drops are counted by the name of what drops, which tells why", async () => {
  const kernel = createPolicyKernel({ netfilter });
  const { engine } = await isolateWeb(kernel, NOTHING);
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

const NODE = process.execPath;

/** Prints the port and size of each datagram to 5000 or 5001, until one to 5000 has come. */
const HEAR = `for (const port of [5000, 5001]) {
  const socket = require("node:dgram").createSocket("udp6");
  socket.on("message", ({ length }) => { console.log(port, length); if (port === 5000) process.exit(); });
  socket.bind(port);
}`;

/** Sends fragments to 5001, then to 5000. */
const TELL = `const socket = require("node:dgram").createSocket(process.argv[1].includes(":") ? "udp6" : "udp4");
  socket.send(Buffer.alloc(4000), 5001, process.argv[1], () =>
    socket.send(Buffer.alloc(4000), 5000, process.argv[1], () => socket.close()));`;

/** Sends datagrams to port 5000 until an ICMP error comes back. */
const REFUSED = `const socket = require("node:dgram").createSocket(process.argv[1].includes(":") ? "udp6" : "udp4");
  socket.on("error", ({ code }) => { console.log(code); process.exit(); });
  socket.connect(5000, process.argv[1], () => setInterval(() => socket.send("?"), 20));`;

/** An ICMP error about a datagram that the pod "web" has never sent, as the pod "front" may make it up. */
function forgedError(family: 0 | 1): Uint8Array {
  const [from, to] = [FRONT[family], WEB[family]];
  const ports = Buffer.from([0x13, 0x88, 0x13, 0x88, 0, 8, 0, 0]);
  if (family === 0) return redirect4({ from, to }, from, ipv4({ from: to, to: from }, 17, ports));
  const head = Buffer.from([0x60, 0, 0, 0, 0, 8, 17, 64]);
  const cause = Buffer.concat([head, addressToBytes(to), addressToBytes(from), ports]);
  return icmpv6({ from, to }, { type: 1, code: 4, body: Buffer.concat([Buffer.alloc(4), cause]) });
}

for (const [family, name] of ["IPv4", "IPv6"].entries() as Iterable<[0 | 1, string]>) {
  test(`fragments are judged by the port of the whole datagram (${name})`, async () => {
    const ports = [{ protocol: "UDP", port: 5000 }];
    await isolateWeb(createPolicyKernel({ netfilter }), { podSelector: {}, ingress: [{ ports }] });
    const over = new AbortController();
    const heard = web.run(NODE, "-e", HEAR).finally(() => over.abort());
    while (!over.signal.aborted) await front.run(NODE, "-e", TELL, WEB[family]);
    assert.equal(await heard, "5000 4000\n");
  });

  test(`an ICMP error of a pod's own connection reaches it, one that is made up does not (${name})`, async () => {
    const kernel = createPolicyKernel({ netfilter });
    const to = [{ podSelector: { matchLabels: { app: "front" } } }];
    await isolateWeb(kernel, { podSelector: {}, policyTypes: ["Ingress", "Egress"], egress: [{ to }] });
    assert.equal(await web.run(NODE, "-e", REFUSED, FRONT[family]), "ECONNREFUSED\n");
    // Of IPv6 only errors: neighbours ask for each other at any time.
    const counters = family === 0 ? ["^Icmp:", "/proc/net/snmp"] : ["^Icmp6InDest", "/proc/net/snmp6"];
    const received = () => web.run("grep", ...counters);
    const denied = async () =>
      [...(await kernel.readDenials()).values()].reduce((sum, count) => sum + count, 0);
    const [receivedSoFar, deniedSoFar] = [await received(), await denied()];
    const send = () => pair.sendPacket("front", family === 0 ? "ipv4" : "ipv6", forgedError(family));
    await send();
    await eventually("the error is denied", async () => (await denied()) === deniedSoFar + 1);
    assert.equal(await received(), receivedSoFar);
    await runOnHost("nft", "flush", "ruleset");
    await send();
    await eventually("without policies it arrives", async () => (await received()) !== receivedSoFar);
  });
}

/** Policies by which the pod has another group each time. */
const allowing = (port: number) => ({
  podSelector: {},
  ingress: [{ from: [{ podSelector: { matchLabels: { app: "front" } } }] }, { ports: [{ port }] }],
});

test("a pod whose group changes all the time stays isolated, and hears whom it may hear", async () => {
  const kernel = createPolicyKernel({ netfilter });
  const shop = await isolateWeb(kernel, allowing(1));
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
