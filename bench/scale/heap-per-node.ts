import {
  CLUSTERS,
  describeCluster,
  heapPerNode,
  knowNodes,
} from "../../agent/testing/cluster/known-nodes.ts";

/**
 * How much heap each further node takes, with addresses and PodCIDRs of IPv4 and of both families.
 *
 * usage: node bench/scale/heap-per-node.ts
 */
const NODES = 5000;

for (const cluster of CLUSTERS) knowNodes(cluster, NODES);
for (const cluster of CLUSTERS) {
  const each = (heapPerNode(cluster, NODES) / 1000).toFixed(1);
  console.log(`${describeCluster(cluster)}: ${each} KB for each of ${NODES} nodes`);
}
