import assert from "node:assert/strict";
import { test } from "node:test";
import { CLUSTERS, describeCluster, heapPerNode, knowNodes } from "../testing/cluster/known-nodes.ts";

const NODES = 1000;

/** In every kind of cluster but the last (bench/scale/heap-per-node.ts). */
const MAX_BYTES = 2000;

/** Of both families and encrypted: the key, and what WireGuard lets the node send from. */
const MAX_ENCRYPTED_BYTES = 2300;

test("each further Node object of a cluster takes at most 2 KB of heap, with encryption and both families 2.3 KB, however large the object is", (t) => {
  // What all clusters share is made by the first.
  for (const cluster of CLUSTERS) knowNodes(cluster, 10);
  for (const cluster of CLUSTERS) {
    const name = describeCluster(cluster);
    const bytes = heapPerNode(cluster, NODES);
    t.diagnostic(`${name}: ${bytes.toFixed(0)} bytes`);
    const isLargest = cluster.way === "encrypted" && cluster.families === 2;
    assert.ok(
      bytes <= (isLargest ? MAX_ENCRYPTED_BYTES : MAX_BYTES),
      `${name}: ${bytes} bytes of heap for each node`,
    );
  }
});
