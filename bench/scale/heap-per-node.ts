import assert from "node:assert/strict";
import type { ClusterNode } from "../../agent/kube/nodes/node-view.ts";
import { projectNode } from "../../agent/kube/nodes/project-node.ts";
import { createEntryPlanner } from "../../agent/kernel/peer/peer-entries.ts";
import { addressAt, type Cidr, parseCidr } from "../../agent/net/cidr.ts";
import { createClaimSettler } from "../../agent/plan/peers/cluster-claims.ts";
import { overlayNodes } from "../../agent/plan/peers/overlay-nodes.ts";
import { createPeerPlanner, type PeerRoute } from "../../agent/plan/peers/peer-routes.ts";
import { NO_SURROUNDINGS } from "../../agent/plan/node/surroundings.ts";
import { planOverlayBindings } from "../../agent/plan/rules/overlay-bindings.ts";

/**
 * How much heap each further node takes, with addresses and PodCIDRs of IPv4 and of both families: what is
 * kept of its object, of its claims, and of the way to it and the elements of sets for it.
 *
 * usage: node --expose-gc bench/scale/heap-per-node.ts
 */
const NODES = 5000;
const OWN = ["172.16.0.1", "fd01::1"];

function cidr(text: string): Cidr {
  return parseCidr(text) ?? assert.fail(text);
}

interface Cluster {
  readonly overlay: "always" | "auto";
  /** IPv4 alone, or both. */
  readonly families: 1 | 2;
}

/** As a list has it: text that is put together otherwise takes up to ten times as much, in pieces. */
function makeNode(index: number, { families }: Cluster): ClusterNode {
  const addresses = [
    addressAt(cidr("172.16.0.0/12"), BigInt(index)),
    addressAt(cidr("fd01::/64"), BigInt(index)),
  ];
  const podCIDRs = [`10.${index >> 8}.${index & 255}.0/24`, `fd00:1:${index.toString(16)}::/64`];
  const raw = {
    metadata: {
      name: `node-${index}`,
      uid: crypto.randomUUID(),
      creationTimestamp: new Date(1_700_000_000_000 + index * 1000),
    },
    spec: { podCIDRs: podCIDRs.slice(0, families) },
    status: {
      addresses: addresses.slice(0, families).map((address) => ({ type: "InternalIP", address })),
    },
  };
  const projection = projectNode(JSON.parse(JSON.stringify(raw)));
  return projection.kind === "usable" ? projection.object : assert.fail(projection.reason);
}

function heapBytes(): number {
  assert.ok(globalThis.gc, "node --expose-gc");
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** All that is known of so many nodes. */
function know(cluster: Cluster) {
  const { overlay } = cluster;
  const nodes = Array.from({ length: NODES }, (_, index) => makeNode(index + 2, cluster));
  const settler = createClaimSettler({ nodeName: "own", clusterCIDRs: [], surroundings: NO_SURROUNDINGS });
  const { claims } = settler.settle(nodes);
  const underlay = { addresses: new Map(OWN.map((address) => [address, 1500])) };
  const plan = createPeerPlanner({
    overlay,
    ownAddresses: OWN,
    ownGateways: ["10.0.1.1", "fd00:1:1::1"],
    underlay,
  });
  const way = { kind: "segment", links: [2] } as const;
  const routes = new Map([...claims].map(([key, claim]) => [key, plan(claim, () => way) as PeerRoute]));
  const planEntries = createEntryPlanner(
    new Map([
      [4, 7],
      [6, 8],
    ]),
  );
  const others = overlayNodes({ claims, remembered: [], isOwn: () => false });
  const sets = overlay === "auto" ? undefined : planOverlayBindings({ ownAddresses: OWN, nodes: others });
  return { nodes, settler, claims, plan, routes, planEntries, entries: planEntries(routes), others, sets };
}

const CLUSTERS: readonly Cluster[] = ([1, 2] as const).flatMap((families) =>
  (["auto", "always"] as const).map((overlay) => ({ overlay, families })),
);

// Once before: what all clusters share is made by the first.
const kept: unknown[] = CLUSTERS.map(know);
for (const cluster of CLUSTERS) {
  const before = heapBytes();
  kept.push(know(cluster));
  const each = ((heapBytes() - before) / NODES / 1000).toFixed(1);
  const families = cluster.families === 1 ? "IPv4" : "IPv4 and IPv6";
  const way = cluster.overlay === "auto" ? "direct" : "overlay";
  console.log(`${families}, ${way}: ${each} KB for each of ${NODES} nodes`);
}
