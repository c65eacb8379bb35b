import assert from "node:assert/strict";
import { test } from "node:test";
import { CLUSTERS, describeCluster, heapPerNode, knowNodes } from "../testing/cluster/known-nodes.ts";

const NODES = 1000;

/** A fifth more than there is (bench/scale/heap-per-node.ts), by what {@link describeCluster} calls them. */
const MAX_BYTES: Readonly<Record<string, number>> = {
  "IPv4, direct": 2000,
  "IPv4, overlay": 3000,
  "IPv4 and IPv6, direct": 3200,
  "IPv4 and IPv6, overlay": 4900,
};

test("each further Node object of a cluster takes a few KB of heap, however large the object is", (t) => {
  // What all clusters share is made by the first.
  for (const cluster of CLUSTERS) knowNodes(cluster, 10);
  for (const cluster of CLUSTERS) {
    const name = describeCluster(cluster);
    const bytes = heapPerNode(cluster, NODES);
    t.diagnostic(`${name}: ${bytes.toFixed(0)} bytes`);
    assert.ok(bytes <= (MAX_BYTES[name] ?? 0), `${name}: ${bytes} bytes of heap for each node`);
  }
});
