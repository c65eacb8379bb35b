import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runCommand } from "../lib/command.ts";
import type { Cluster } from "./cluster.ts";
import { deployPeers, PEER_PORT, removePeers } from "./workloads.ts";

const LIMIT_MBIT = 8;
const BYTES = 2_000_000;

/** The annotation of Kubernetes, as kubelet and containerd pass it on. */
export function testBandwidth(getCluster: () => Cluster): void {
  test(`a pod with kubernetes.io/ingress-bandwidth: ${LIMIT_MBIT}M receives that much, in all families`, async (t) => {
    const cluster = getCluster();
    const [node = assert.fail()] = cluster.nodes;
    const annotations = { "kubernetes.io/ingress-bandwidth": `${LIMIT_MBIT}M` };
    const [slow = assert.fail()] = await deployPeers(cluster, "slow", {
      replicas: 1,
      node: node.name,
      annotations,
    });
    for (const address of slow.addresses) {
      const script = join(import.meta.dirname, "send-bytes.ts");
      const words = [process.execPath, script, address, String(PEER_PORT), String(BYTES)];
      const milliseconds = Number(await runCommand([...node.enterNetwork(), ...words]));
      const mbit = (BYTES * 8) / 1000 / milliseconds;
      t.diagnostic(`${address}: ${mbit.toFixed(1)} Mbit/s`);
      // Less the headers; more by what passes at once in the beginning.
      assert.ok(mbit > LIMIT_MBIT * 0.8 && mbit < LIMIT_MBIT * 1.25, `${mbit} Mbit/s to ${address}`);
    }
    await removePeers(cluster, "slow");
  });
}
