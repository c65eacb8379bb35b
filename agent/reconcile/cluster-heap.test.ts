import assert from "node:assert/strict";
import { test } from "node:test";
import { CLUSTERS, describeCluster, heapPerNode, knowNodes } from "../testing/cluster/known-nodes.ts";

const NODES = 1000;

/** In every kind of cluster (bench/scale/heap-per-node.ts). */
const MAX_BYTES = 2000;

test("each further Node object of a cluster takes at most 2 KB of heap, however large the object is", (t) => {
  // What all clusters share is made by the first.
  for (const cluster of CLUSTERS) knowNodes(cluster, 10);
  for (const cluster of CLUSTERS) {
    const name = describeCluster(cluster);
    const bytes = heapPerNode(cluster, NODES);
    t.diagnostic(`${name}: ${bytes.toFixed(0)} bytes`);
    assert.ok(bytes <= MAX_BYTES, `${name}: ${bytes} bytes of heap for each node`);
  }
});
