/**
 * What the agent makes of WireGuard in a kernel: devices, keys and peers, and that packets get through. Runs
 * against userspace WireGuard (e2e/encryption/run.sh) and against kernels that have it (e2e/kernels).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { performance } from "node:perf_hooks";
import type { WireGuardEndpoint } from "../../agent/plan/encryption/wireguard.ts";
import { formatCidr } from "../../agent/net/cidr.ts";
import { cidr } from "../../agent/testing/cidr.ts";
import { host } from "../../agent/testing/machine/netns.ts";
import { ALL, FAR, key, NEAR, NEXT_PLAN, peer, PLAN, useTwoNodes } from "./two-nodes.ts";
import { USERSPACE_PROGRAM } from "./userspace/device.ts";

const nodes = useTwoNodes();

/** Endpoint and prefixes of a device's peers, by key. */
async function peersOf(name: string): Promise<Readonly<Record<string, string>>> {
  const peers = (await nodes.kernel().wireguard.read(name))?.peers ?? [];
  const texts = peers.map(({ publicKey, endpoint, allowedIps }) => {
    const prefixes = allowedIps.map(formatCidr).toSorted().join(" ");
    return [publicKey, `${endpoint?.address} ${endpoint?.port} ${prefixes}`] as const;
  });
  return Object.fromEntries(texts.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

test("ensureDevice() makes a device of ours with a key, and finds nothing to do the second time", async () => {
  const made = await nodes.kernel().wireguard.ensureDevice(PLAN);
  assert.deepEqual(made.changes[0], {
    kind: "encryption device",
    fault: 'WireGuard device "cw-wg" is missing',
  });
  assert.equal(nodes.kernel().wireguard.hasDevice(made.index), true);
  const { changes, publicKey, index } = await nodes.kernel().wireguard.ensureDevice(PLAN);
  assert.deepEqual(
    { changes, publicKey, index },
    { changes: [], publicKey: made.publicKey, index: made.index },
  );
  const link = await host(
    "ip -d link show cw-wg; ip address show cw-wg; cat /proc/sys/net/ipv4/conf/cw-wg/forwarding",
  );
  assert.match(link, /mtu 1420 .*group 25463/);
  assert.match(link, /<[^>]*\bUP\b/);
  assert.match(link, /alias causeway wireguard/);
  assert.deepEqual(
    [...link.matchAll(/inet6? (\S+)/g)].map(([, address]) => address),
    ["10.244.1.1/32", "fd00:1::1/128"],
  );
  assert.match(link, /^1$/m);
  assert.deepEqual(await nodes.kernel().wireguard.read("cw-wg"), {
    publicKey: made.publicKey,
    port: 51_820,
    fwmark: 0,
    peers: [],
  });
});

test("an agent that starts again keeps key and peers, and reads what an agent before has made", async () => {
  const { publicKey } = await nodes.kernel().wireguard.ensureDevice(PLAN);
  await nodes.kernel().wireguard.ensurePeers("cw-wg", new Map([["b", peer()]]), ALL);
  nodes.reopen();
  const again = await nodes.kernel().wireguard.ensureDevice(PLAN);
  assert.deepEqual([again.publicKey, again.changes], [publicKey, []]);
  assert.deepEqual(await nodes.kernel().wireguard.ensurePeers("cw-wg", new Map([["b", peer()]]), ALL), []);
});

test("a device that somebody deletes comes back with another key, and its peers with it", async () => {
  const { publicKey } = await nodes.kernel().wireguard.ensureDevice(PLAN);
  const peers = new Map([["b", peer()]]);
  await nodes.kernel().wireguard.ensurePeers("cw-wg", peers, ALL);
  await host("ip link del cw-wg");
  assert.equal(await nodes.kernel().wireguard.read("cw-wg"), undefined);
  await assert.rejects(nodes.kernel().wireguard.ensurePeers("cw-wg", peers, ALL), /it is missing$/);
  const again = await nodes.kernel().wireguard.ensureDevice(PLAN);
  assert.notEqual(again.publicKey, publicKey);
  const changes = await nodes.kernel().wireguard.ensurePeers("cw-wg", peers, { prune: true, verify: false });
  assert.deepEqual(changes, [{ kind: "encryption peer", fault: 'WireGuard device "cw-wg" lacks peer "b"' }]);
  assert.deepEqual(await peersOf("cw-wg"), { [key(2)]: "192.0.2.11 51821 10.244.2.0/24 fd00:2::/64" });
});

for (const [damage, fault] of [
  ["ip link set cw-wg mtu 1300", "has an unexpected mtu"],
  ["ip link set cw-wg down", "has an unexpected up"],
  ["ip address del 10.244.1.1/32 dev cw-wg", "lacks address 10.244.1.1"],
  ["ip address add 192.0.2.77/32 dev cw-wg", "has unexpected address 192.0.2.77"],
] as const) {
  test(`ensureDevice() puts back what "${damage}" changes`, async () => {
    await nodes.kernel().wireguard.ensureDevice(PLAN);
    await host(damage);
    const [change] = (await nodes.kernel().wireguard.ensureDevice(PLAN)).changes;
    assert.deepEqual(change, { kind: "encryption device", fault: `WireGuard device "cw-wg" ${fault}` });
    assert.deepEqual((await nodes.kernel().wireguard.ensureDevice(PLAN)).changes, []);
  });
}

test("ensureDevice() moves to another port with the same key", async () => {
  const { publicKey } = await nodes.kernel().wireguard.ensureDevice(PLAN);
  const moved = await nodes.kernel().wireguard.ensureDevice({ ...PLAN, port: 51_900 });
  assert.equal(moved.publicKey, publicKey);
  assert.deepEqual(moved.changes, [
    { kind: "encryption device", fault: 'WireGuard device "cw-wg" has an unexpected port' },
  ]);
  assert.equal((await nodes.kernel().wireguard.read("cw-wg"))?.port, 51_900);
});

test("ensureDevice() leaves a link of that name alone that is not ours, and remove() too", async () => {
  await host("ip link add foreign type bridge");
  await assert.rejects(
    nodes.kernel().wireguard.ensureDevice({ ...PLAN, name: "foreign" }),
    /^Error: Cannot use WireGuard device "foreign": a link of that name exists that the agent did not create; remove it$/,
  );
  assert.equal(await nodes.kernel().wireguard.remove("foreign"), false);
  assert.match(await host("ip link show foreign"), /foreign/);
});

test("ensurePeers() sends what differs and nothing else, and keeps strangers until all nodes are known", async () => {
  await nodes.kernel().wireguard.ensureDevice(PLAN);
  const [b, c] = [peer(), peer({ publicKey: key(3), allowedIps: [cidr("10.244.3.0/24")] })];
  await nodes.kernel().wireguard.ensurePeers(
    "cw-wg",
    new Map([
      ["b", b],
      ["c", c],
    ]),
    ALL,
  );
  const onlyB = new Map([["b", b]]);
  assert.deepEqual(
    await nodes.kernel().wireguard.ensurePeers("cw-wg", onlyB, { prune: false, verify: true }),
    [],
  );
  assert.equal(Object.keys(await peersOf("cw-wg")).length, 2);
  // The prefix of the one that goes, and one more, go to the one that stays.
  const more = { ...b, allowedIps: [...b.allowedIps, ...c.allowedIps, cidr("10.244.4.0/24")] };
  await nodes.kernel().wireguard.ensurePeers("cw-wg", new Map([["b", more]]), { prune: true, verify: false });
  assert.deepEqual(await peersOf("cw-wg"), {
    [key(2)]: "192.0.2.11 51821 10.244.2.0/24 10.244.3.0/24 10.244.4.0/24 fd00:2::/64",
  });
  await nodes.kernel().wireguard.ensurePeers("cw-wg", onlyB, { prune: true, verify: false });
  assert.deepEqual(await peersOf("cw-wg"), { [key(2)]: "192.0.2.11 51821 10.244.2.0/24 fd00:2::/64" });
  await nodes.kernel().wireguard.ensurePeers("cw-wg", new Map(), ALL);
  assert.deepEqual(await peersOf("cw-wg"), {});
});

test("a device takes the key of another with the key's age, and calls its peers anew", async () => {
  await nodes.kernel().wireguard.ensureDevice(PLAN);
  const next = await nodes.kernel().wireguard.ensureDevice(NEXT_PLAN);
  assert.ok(next.keyAgeMs < 60_000);
  const alias = `causeway wireguard ${next.publicKey.slice(0, 12)} 1`;
  await host(`ip link set cw-wg2 alias "${alias}"`);
  const { keyAgeMs } = await nodes.kernel().wireguard.ensureDevice(NEXT_PLAN);
  assert.equal(await nodes.kernel().wireguard.moveKey("cw-wg2", "cw-wg"), next.publicKey);
  const moved = await nodes.kernel().wireguard.ensureDevice(PLAN);
  assert.deepEqual([moved.publicKey, moved.changes], [next.publicKey, []]);
  assert.ok(keyAgeMs > 0 && moved.keyAgeMs >= keyAgeMs);
});

test("a peer keeps its prefix when its node has a new key, and the old key is gone", async () => {
  await nodes.kernel().wireguard.ensureDevice(PLAN);
  await nodes.kernel().wireguard.ensurePeers("cw-wg", new Map([["b", peer()]]), ALL);
  await nodes.kernel().wireguard.ensurePeers("cw-wg", new Map([["b", peer({ publicKey: key(4) })]]), ALL);
  assert.deepEqual(await peersOf("cw-wg"), { [key(4)]: "192.0.2.11 51821 10.244.2.0/24 fd00:2::/64" });
});

/** What 50 ms are of the second in which 1,000 peers are to be there. */
const CHANGE_OF_SETUP = 50 / 1000;

test("setting up 1,000 peers of both families is the kernel's work more than ours, and a change of one is a small part of it", async () => {
  await nodes.kernel().wireguard.ensureDevice(PLAN);
  const planned = Array.from({ length: 1000 }, (_, index) => {
    const allowedIps = [
      cidr(`10.${100 + (index >> 8)}.${index & 255}.0/24`),
      cidr(`fd00:${index.toString(16)}:1::/64`),
    ];
    return [`node-${index}`, peer({ publicKey: key(index), allowedIps })] as const;
  });
  const peers = new Map(planned);
  const setUp = await costOf(() => nodes.kernel().wireguard.ensurePeers("cw-wg", peers, ALL));
  assert.equal(Object.keys(await peersOf("cw-wg")).length, 1000);
  const changes: Cost[] = [];
  for (const number of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
    peers.set("node-7", peer({ publicKey: key(7), allowedIps: [cidr(`10.99.${number}.0/24`)] }));
    const change = () => nodes.kernel().wireguard.ensurePeers("cw-wg", peers, { prune: true, verify: false });
    changes.push(await costOf(change));
  }
  assert.match((await peersOf("cw-wg"))[key(7)] ?? "", / 10\.99\.9\.0\/24$/);
  console.log(`1,000 peers: ${formatCost(setUp)}; one change: ${changes.map(formatCost).join(", ")}`);
  // The kernel's own WireGuard is meant: a program's work is in no system call of ours.
  if (process.env[USERSPACE_PROGRAM] !== undefined) return;
  assert.ok(setUp.oursMs <= setUp.kernelsMs, formatCost(setUp));
  // The first ones have the garbage of all that came before, and code that is not compiled yet.
  const change = changes.toSorted((a, b) => cpuMs(a) - cpuMs(b))[4] ?? setUp;
  assert.ok(cpuMs(change) <= CHANGE_OF_SETUP * cpuMs(setUp), formatCost(change));
});

/** CPU time of this process, which a busy machine leaves as it is, beside the time that went by. */
interface Cost {
  readonly tookMs: number;
  readonly oursMs: number;
  readonly kernelsMs: number;
}

const cpuMs = ({ oursMs, kernelsMs }: Cost): number => oursMs + kernelsMs;

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const [startMs, start] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(start);
  return { tookMs: performance.now() - startMs, oursMs: user / 1000, kernelsMs: system / 1000 };
}

function formatCost({ tookMs, oursMs, kernelsMs }: Cost): string {
  const [took, ours, kernels] = [tookMs, oursMs, kernelsMs].map((ms) => ms.toFixed(1));
  return `${took} ms (CPU ${ours} ms ours, ${kernels} ms the kernel's)`;
}

test("packets of both families get through an outer IPv6", async () => {
  const near = { address: "2001:db8::10", port: 51_820 };
  await nodes.connect({ near, far: { address: "2001:db8::11", port: 51_821 } });
  await host("ping -q -c 1 -W 5 10.244.2.1; ping -q -c 1 -W 5 fd00:2::1");
  assert.match((await peersOf("cw-wg"))[await nodes.ensureFar([])] ?? "", /^2001:db8::11 51821 /);
});

for (const { outer, near, old, next, prefix } of [
  { outer: "IPv4", near: NEAR.address, old: FAR.address, next: "192.0.2.12", prefix: 24 },
  { outer: "IPv6", near: "2001:db8::10", old: "2001:db8::11", next: "2001:db8::12", prefix: 64 },
])
  test(`a peer that moves is followed, and stays where it has moved to while its session lives, ${outer}`, async () => {
    const at = (address: string, port = FAR.port): WireGuardEndpoint => ({ address, port });
    const farKey = await nodes.connect({ near: at(near, NEAR.port), far: at(old) });
    await host("ping -q -c 1 -W 5 10.244.2.1");
    const nodad = outer === "IPv6" ? "nodad" : "";
    const move = (from: string, to: string): Promise<string> =>
      nodes.runFar(
        `ip address del ${from}/${prefix} dev up0; ip address add ${to}/${prefix} dev up0 ${nodad}`,
      );
    await move(old, next);
    await nodes.runFar("ping -q -c 1 -W 5 10.244.1.1");
    const known = new Map([["b", peer({ publicKey: farKey, endpoint: at(old) })]]);
    assert.deepEqual(await nodes.kernel().wireguard.ensurePeers("cw-wg", known, ALL), []);
    await host("ping -q -c 1 -W 5 10.244.2.1");
    const [seen] = (await nodes.kernel().wireguard.read("cw-wg"))?.peers ?? [];
    assert.equal(seen?.endpoint?.address, next);
    const moved = new Map([["b", peer({ publicKey: farKey, endpoint: at(old, 51_822) })]]);
    await nodes.kernel().wireguard.ensurePeers("cw-wg", moved, { prune: true, verify: false });
    assert.ok((await peersOf("cw-wg"))[farKey]?.startsWith(`${old} 51822 `));
    await move(next, old);
  });

test("packets of both families get through, of the whole MTU and not beyond it, and are counted", async () => {
  await nodes.connect();
  await host("ping -q -c 3 -i 0.1 -W 5 10.244.2.1; ping -q -c 3 -i 0.1 -W 5 fd00:2::1");
  await host("ping -q -c 1 -W 5 -M do -s 1392 10.244.2.1; ping -q -c 1 -W 5 -M do -s 1372 fd00:2::1");
  await assert.rejects(
    host("ping -q -c 1 -W 1 -M do -s 1393 10.244.2.1"),
    /message too long|100% packet loss/i,
  );
  const [seen] = (await nodes.kernel().wireguard.read("cw-wg"))?.peers ?? [];
  assert.ok(seen !== undefined);
  assert.ok(Math.abs(Date.now() / 1000 - seen.lastHandshake) < 60, `${seen.lastHandshake}`);
  assert.ok(seen.sentBytes > 8 * 100 && seen.receivedBytes > 8 * 100);
});

test("a restarted agent makes no new handshake, and a changed set of prefixes neither", async () => {
  await nodes.connect();
  await host("ping -q -c 1 -W 5 10.244.2.1");
  const earlier = (await nodes.kernel().wireguard.read("cw-wg"))?.peers[0];
  assert.ok(earlier !== undefined);
  nodes.reopen();
  await nodes.kernel().wireguard.ensureDevice(PLAN);
  const { publicKey } = earlier;
  const more = [cidr("10.244.2.0/24"), cidr("fd00:2::/64"), cidr("10.244.9.0/24")];
  for (const allowedIps of [more.slice(0, 2), more, more.slice(0, 2)])
    await nodes
      .kernel()
      .wireguard.ensurePeers("cw-wg", new Map([["b", peer({ publicKey, allowedIps })]]), ALL);
  await host("ping -q -c 1 -W 5 10.244.2.1");
  assert.equal(
    (await nodes.kernel().wireguard.read("cw-wg"))?.peers[0]?.lastHandshake,
    earlier.lastHandshake,
  );
});

test("nothing comes in from an address that is not the peer's", async () => {
  await nodes.connect();
  await host("ping -q -c 1 -W 5 10.244.2.1");
  await nodes.runFar("ip address add 10.244.7.1/32 dev cw-wg");
  await host("ip route add 10.244.7.0/24 dev cw-wg proto 99");
  await assert.rejects(nodes.runFar("ping -q -c 1 -W 1 -I 10.244.7.1 10.244.1.1"), /100% packet loss/);
  await nodes.runFar("ping -q -c 1 -W 5 10.244.1.1");
});

test("removeDatapath() takes the device away", async () => {
  await nodes.kernel().wireguard.ensureDevice(PLAN);
  await nodes.kernel().wireguard.ensureDevice(NEXT_PLAN);
  const devices = ['WireGuard device "cw-wg"', 'WireGuard device "cw-wg2"'];
  assert.deepEqual(await nodes.kernel().removeDatapath(), devices);
  for (const name of ["cw-wg", "cw-wg2"]) assert.equal(await nodes.kernel().wireguard.read(name), undefined);
});
