import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addressToBytes, familyOf } from "../../agent/net/address.ts";
import { observeCommand } from "../lib/command.ts";
import type { Netns } from "../lib/netns.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { ClusterLab, LabNode } from "../nodes/cluster-lab.ts";
import { echoAll, findUnreachable, mtuOf, pings } from "../nodes/reach.ts";
import {
  DEVICE,
  encrypting,
  MARKER,
  patienceOf,
  PORT,
  publishKeys,
  readDevice,
  restartEncrypting,
  startSniffer,
  reachPods,
} from "./encrypted-lab.ts";
import { others } from "./load.ts";

const PATTERN = Buffer.from(MARKER).toString("hex");

/** What encryption between nodes promises, on any kernel and on any WireGuard. */
export function testEncryption(getLab: () => ClusterLab): void {
  describe("encryption between nodes", () => {
    testTraffic(getLab);
    testChanges(getLab);
    testRequired(getLab);
  });
}

/** Addresses of the second pods, of which none is the asking one. */
export const podsOf = (nodes: readonly LabNode[]): readonly string[] =>
  nodes.flatMap(({ pods }) => pods[1].addresses);

/** Pings that hold the marker, from the first pod of each node to all pods of the others; answered or not. */
export async function pingMarked(lab: ClusterLab): Promise<void> {
  await Promise.all(
    lab.nodes.flatMap((node) =>
      podsOf(others(lab, node)).map((target) =>
        observeCommand([
          ...node.pods[0].netns.enter,
          ..."ping -n -c 3 -i 0.2 -W 1 -s 200 -p".split(" "),
          PATTERN,
          target,
        ]),
      ),
    ),
  );
}

/** Pings an address under another; answered or not. */
export async function pingFrom({ enter }: Netns, source: string, target: string): Promise<void> {
  await observeCommand([...enter, ..."ping -n -c 3 -i 0.2 -W 1 -I".split(" "), source, target]);
}

/** Of the ways that a sniffer has seen, those from an address. */
export function sentFrom(ways: readonly string[], source: string): readonly string[] {
  const hex = Buffer.from(addressToBytes(source)).toString("hex");
  return ways.filter((way) => way.startsWith(hex));
}

function testTraffic(getLab: () => ClusterLab): void {
  test("pods reach pods of all nodes in both families, and no byte of theirs is on the wire", async () => {
    const lab = getLab();
    await using sniffer = await startSniffer(lab.network.router);
    const ways = lab.nodes.flatMap((node) =>
      podsOf(others(lab, node)).map((target) => ({ from: node.name, netns: node.pods[0].netns, target })),
    );
    for (const node of lab.nodes) await reachPods(node, podsOf(others(lab, node)));
    assert.deepEqual(await findUnreachable(ways), []);
    await pingMarked(lab);
    const { encrypted, marked, clear } = await sniffer.stop();
    assert.deepEqual({ marked, clear }, { marked: 0, clear: {} });
    assert.ok(encrypted > ways.length * 4, `${encrypted} frames`);
  });

  test("the sniffer sees what is in clear: pods and the world outside", async () => {
    const lab = getLab();
    const n1 = lab.node("n1");
    await using sniffer = await startSniffer(n1.pods[0].netns);
    await pingMarked(lab);
    const { marked, clear } = await sniffer.stop();
    assert.ok(marked > 0 && Object.keys(clear).length > 0);
  });

  test("connections of pods are tracked once, not a second time in what carries them between nodes", async () => {
    const lab = getLab();
    for (const node of lab.nodes) await reachPods(node, podsOf(others(lab, node)));
    for (const node of lab.nodes) {
      const tracked = (await node.run("cat", "/proc/net/nf_conntrack")).split("\n");
      const [pod] = node.pods[0].addresses;
      assert.ok(
        tracked.some((line) => line.includes(`src=${pod} `)),
        node.name,
      );
      assert.deepEqual(
        tracked.filter((line) => line.includes(`sport=${PORT} dport=${PORT}`)),
        [],
      );
    }
  });

  test("a megabyte comes back by TCP, and its server sees the pod's own address", async () => {
    const lab = getLab();
    for (const node of lab.nodes) {
      const targets = others(lab, node).flatMap(({ pods }) => pods[0].addresses);
      const seen = await echoAll(node.pods[1].netns, targets);
      const [v4, v6] = node.pods[1].addresses;
      assert.deepEqual(seen, new Map(targets.map((target) => [target, target.includes(":") ? v6 : v4])));
    }
  });

  test("packets as large as the MTU of both pods get through whole", async () => {
    const lab = getLab();
    const ways = await Promise.all(
      lab.nodes.flatMap((node) =>
        others(lab, node).flatMap(({ pods: [, pod] }) =>
          pod.addresses.map(async (target) => {
            const [own] = node.pods;
            const packetBytes = Math.min(await mtuOf(own), await mtuOf(pod));
            return { from: node.name, netns: own.netns, target, packetBytes };
          }),
        ),
      ),
    );
    assert.deepEqual(await findUnreachable(ways), []);
  });

  test("a node and pods of other nodes reach each other", async () => {
    const lab = getLab();
    for (const node of lab.nodes)
      for (const target of podsOf(others(lab, node)))
        assert.ok(await pings(node.netns, target), `${node.name} to ${target}`);
  });
}

function testChanges(getLab: () => ClusterLab): void {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(`${signal} of an agent: traffic goes on, and the next one makes no new handshake`, async () => {
      const lab = getLab();
      const n1 = lab.node("n1");
      await reachPods(n1, podsOf(others(lab, n1)));
      const before = await readDevice(n1);
      await n1.stopAgent(signal);
      await reachPods(n1, podsOf(others(lab, n1)));
      await n1.startAgentWith(encrypting());
      await reachPods(n1, podsOf(others(lab, n1)));
      const { publicKey, peers } = await readDevice(n1);
      assert.equal(publicKey, before.publicKey);
      const handshakes = (state: typeof before): Readonly<Record<string, number>> =>
        Object.fromEntries(state.peers.map((peer) => [peer.publicKey, peer.lastHandshake]));
      assert.deepEqual(handshakes({ ...before, peers }), handshakes(before));
    });
  }

  test("a node that has been started again has another key, and is reached with it", async () => {
    const lab = getLab();
    const n2 = lab.node("n2");
    const { publicKey } = await readDevice(n2);
    await n2.stopAgent("SIGKILL");
    await n2.run("sh", "-c", `ip link del ${DEVICE}; ip route flush proto 99; ip -6 route flush proto 99`);
    await n2.startAgentWith(encrypting());
    assert.notEqual((await readDevice(n2)).publicKey, publicKey);
    await publishKeys(lab);
    for (const node of lab.nodes) await reachPods(node, podsOf(others(lab, node)));
    const known = (await readDevice(lab.node("n1"))).peers.map((peer) => peer.publicKey);
    assert.ok(!known.includes(publicKey), "the old key is forgotten");
  });

  for (const { family, source, prefix } of [
    { family: "IPv4", source: "10.244.3.77", prefix: 32 },
    { family: "IPv6", source: "fd00:10:244:3::77", prefix: 128 },
  ])
    test(`a node that sends under another node's PodCIDR is not heard, ${family}`, async () => {
      const lab = getLab();
      const [n1, n2] = [lab.node("n1"), lab.node("n2")];
      const target = n1.pods[1].addresses.find((address) => familyOf(address) === familyOf(source)) ?? "";
      await using sniffer = await startSniffer(n1.pods[1].netns);
      await n2.run("ip", "address", "add", `${source}/${prefix}`, "dev", "lo");
      await pingFrom(n2.netns, source, target);
      await n2.run("ip", "address", "del", `${source}/${prefix}`, "dev", "lo");
      await reachPods(n2, [target]);
      const seen = Object.keys((await sniffer.stop()).clear);
      assert.ok(seen.length > 0, "what comes from its own pods arrives");
      assert.deepEqual(sentFrom(seen, source), []);
    });

  test("a node whose address changes is found at the new one", async () => {
    const lab = getLab();
    const n2 = lab.node("n2");
    const places = await publishKeys(lab);
    const place = places.find(({ name }) => name === "n2");
    const move = async (from: string, to: string): Promise<void> => {
      const lines = `ip address del ${from}/24 dev up0; ip address add ${to}/24 dev up0; ip route replace default via 192.0.2.1`;
      await n2.run("sh", "-ec", lines);
      const addresses = [to, ...n2.place.addresses.slice(1)];
      const moved = place === undefined ? [] : [{ ...place, addresses }];
      lab.setCluster([...places.filter(({ name }) => name !== "n2"), ...moved]);
      for (const node of lab.nodes) await reachPods(node, podsOf(others(lab, node)));
    };
    await move("192.0.2.12", "192.0.2.22");
    await move("192.0.2.22", "192.0.2.12");
  });
}

function testRequired(getLab: () => ClusterLab): void {
  test("with encryption required nothing is in clear from the first packet on, also while the device is gone", async () => {
    const lab = getLab();
    await restartEncrypting(lab, true);
    await publishKeys(lab);
    const n1 = lab.node("n1");
    await using sniffer = await startSniffer(lab.network.router);
    await n1.stopAgent("SIGKILL");
    await n1.run(
      "sh",
      "-c",
      `ip link del ${DEVICE}; ip route add 10.244.0.0/16 via 192.0.2.12; ip -6 route add fd00:10:244::/48 via 2001:db8:2::12`,
    );
    await pingMarked(lab);
    await n1.startAgentWith(encrypting(true));
    await pingMarked(lab);
    await n1.run("sh", "-c", "ip route del 10.244.0.0/16; ip -6 route del fd00:10:244::/48");
    await publishKeys(lab);
    for (const node of lab.nodes) await reachPods(node, podsOf(others(lab, node)));
    const { encrypted, marked, clear } = await sniffer.stop();
    assert.deepEqual({ marked, clear }, { marked: 0, clear: {} });
    assert.ok(encrypted > 0);
  });

  test("with encryption required a node without a key is not reached, and without that it is, in clear", async () => {
    const lab = getLab();
    const [n1, n2] = [lab.node("n1"), lab.node("n2")];
    const places = await publishKeys(lab);
    const target = n2.pods[1].addresses[0];
    const [, bare] = lab.nodes.map(({ place }) => place);
    lab.setCluster(places.map((place) => (place.name === "n2" && bare !== undefined ? bare : place)));
    await waitFor(
      "the peer is gone",
      async () => (await readDevice(n1)).peers.length === 1 || undefined,
      patienceOf(n1),
    );
    assert.equal(await pings(n1.pods[0].netns, target, { timeoutS: 1 }), false);
    await restartEncrypting(lab, false);
    await using sniffer = await startSniffer(lab.network.router);
    await reachPods(n1, [target]);
    assert.ok(Object.keys((await sniffer.stop()).clear).length > 0, "the sniffer sees it");
    await publishKeys(lab);
    await reachPods(n1, [target]);
  });
}
