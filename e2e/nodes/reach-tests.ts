import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { waitFor } from "../lib/wait-for.ts";
import type { ClusterLab } from "./cluster-lab.ts";
import { SEGMENT_MTU, WORLD } from "./cluster-network.ts";
import { echoAll, findUnreachable, mtuOf, pings } from "./reach.ts";

/** All nodes reach all others, whatever connects them. */
export function testReach(getLab: () => ClusterLab): void {
  for (const overlay of ["auto", "always"] as const) {
    describe(`overlay ${overlay}`, () => {
      test("every pod pings a pod of every node, in both families", async () => {
        const lab = getLab();
        await lab.restartAll("--overlay", overlay);
        const ways = lab.nodes.flatMap(({ name, pods: [pod] }) =>
          lab.nodes.flatMap((other) =>
            other.pods[1].addresses.map((target) => ({ from: name, netns: pod.netns, target })),
          ),
        );
        assert.equal(ways.length, 50);
        assert.deepEqual(await findUnreachable(ways), []);
      });

      test("packets as large as both pods' MTU allow arrive whole, and a larger one is refused at once", async () => {
        const lab = getLab();
        const mtus = new Map<string, number>();
        for (const { name, pods } of lab.nodes) mtus.set(name, await mtuOf(pods[0]));
        // Less what VXLAN over IPv6 adds.
        const [a, b] = [SEGMENT_MTU.a - 70, SEGMENT_MTU.b - 70];
        assert.deepEqual(Object.fromEntries(mtus), { n1: a, n2: a, n3: b, n4: a, n5: b });
        const ways = lab.nodes.flatMap(({ name, pods: [pod] }) =>
          lab.nodes.flatMap((other) => {
            const packetBytes = Math.min(mtus.get(name) ?? 0, mtus.get(other.name) ?? 0);
            return other.pods[1].addresses.map((target) => ({
              from: name,
              netns: pod.netns,
              target,
              packetBytes,
            }));
          }),
        );
        assert.deepEqual(await findUnreachable(ways), []);
        const [
          {
            pods: [pod],
          } = assert.fail(),
        ] = lab.nodes;
        const packetBytes = (mtus.get("n1") ?? 0) + 1;
        assert.equal(await pings(pod.netns, lab.node("n2").pods[1].addresses[0], { packetBytes }), false);
      });

      test("every pod echoes a megabyte by TCP with every node, under its own address", async () => {
        const lab = getLab();
        const targets = lab.nodes.flatMap(({ pods: [pod] }) => pod.addresses);
        for (const { name, pods } of lab.nodes) {
          const [v4, v6] = pods[1].addresses;
          const seen = await echoAll(pods[1].netns, targets);
          const want = new Map(targets.map((target) => [target, target.includes(":") ? v6 : v4]));
          assert.deepEqual(seen, want, name);
        }
      });

      test("a node itself reaches the pods of every other, also with strict reverse path filters", async () => {
        const lab = getLab();
        const ways = lab.nodes.flatMap(({ name, netns }) =>
          lab.nodes.flatMap((other) =>
            other.pods[1].addresses.map((target) => ({ from: name, netns, target })),
          ),
        );
        assert.deepEqual(await findUnreachable(ways), []);
      });
    });
  }

  test("what leaves the cluster has the node's address", async () => {
    const lab = getLab();
    const server = await lab.startWorldServer();
    try {
      for (const { name, place, pods } of lab.nodes) {
        for (const address of place.addresses) {
          const target = address.includes(":") ? WORLD[1] : WORLD[0];
          const seen = await echoAll(pods[1].netns, [target]);
          assert.equal(seen.get(target), address, name);
        }
      }
    } finally {
      await server.stop();
    }
  });

  test("with the overlay off, a node behind a router is reported and the others are reached", async () => {
    const lab = getLab();
    await lab.restartAll("--overlay", "never");
    const n1 = lab.node("n1");
    const [target] = lab.node("n2").pods[1].addresses;
    assert.equal(await pings(n1.pods[0].netns, target), true);
    assert.equal(await n1.agent().metric("causeway_peer_pod_cidrs", { route: "unreachable" }), 5);
    assert.match(
      n1.agent().log(),
      /node \\"n3\\" cannot be reached at 10.244.3.0\/24: its address 203.0.113.13 is not on a segment of this node, but behind gateway [\d.]+, and the overlay is off/,
    );
    await lab.restartAll();
    await waitFor(
      "n3 again",
      async () => (await pings(n1.pods[0].netns, lab.node("n3").pods[1].addresses[0])) || undefined,
      { timeoutMs: 5000 },
    );
  });
}
