import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ClusterNode } from "../../kube/nodes/node-view.ts";
import { projectNode } from "../../kube/nodes/project-node.ts";
import { addressAt, type Cidr, parseCidr } from "../../net/cidr.ts";
import { createClaimSettler } from "../../plan/peers/cluster-claims.ts";
import { overlayNodes } from "../../plan/peers/overlay-nodes.ts";
import { createPeerPlanner, type PeerRoute, type RouteTo } from "../../plan/peers/peer-routes.ts";
import { NO_SURROUNDINGS } from "../../plan/node/surroundings.ts";
import { planRuleset } from "../../plan/rules/ruleset.ts";

/** What kinds of clusters are measured. */
export interface Cluster {
  readonly overlay: "always" | "auto";
  /** IPv4 alone, or both. */
  readonly families: 1 | 2;
}

const WAY = { kind: "segment", links: [2] } as const;

const OWN = ["172.16.0.1", "fd01::1"];

function cidr(text: string): Cidr {
  return parseCidr(text) ?? assert.fail(text);
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

/**
 * All that the agent keeps of so many nodes: of their objects, of their claims, of the kernel's way to each,
 * and the elements of sets for them.
 */
export function knowNodes(cluster: Cluster, count: number): unknown {
  const { overlay } = cluster;
  const nodes = new Map(
    Array.from({ length: count }, (_, index) => makeNode(index + 2, cluster)).map((node) => [
      node.name,
      node,
    ]),
  );
  const settler = createClaimSettler({ nodeName: "own", clusterCIDRs: [], surroundings: NO_SURROUNDINGS });
  const { claims } = settler.settle(nodes.values());
  const underlay = {
    addresses: new Map(OWN.map((address) => [address, 1500])),
    routes: new Map(
      [...nodes.values()].flatMap(({ addresses }) => addresses).map((address) => [address, WAY]),
    ),
  };
  const plan = createPeerPlanner({
    overlay,
    ownAddresses: OWN,
    ownGateways: ["10.0.1.1", "fd00:1:1::1"],
    underlay,
  });
  const routeTo: RouteTo = (address) => underlay.routes.get(address);
  const routes = new Map([...claims].map(([key, claim]) => [key, plan(claim, routeTo) as PeerRoute]));
  const others = overlayNodes({ claims, remembered: [], isOwn: () => false });
  const ruleset = planRuleset({
    bridge: "cw0",
    podCidrs: [cidr("10.0.1.0/24"), cidr("fd00:1:1::/64")],
    serviceAddresses: [],
    insideCidrs: [...claims.values()].map((claim) => claim.cidr),
    masquerade: { families: [4, 6], randomPorts: true },
    overlay: {
      bridge: "cw0",
      devices: ["cw-vx"],
      port: 4789,
      vni: 4096,
      isReceiver: overlay === "always",
      ownAddresses: OWN,
      nodes: others,
    },
  });
  return { nodes, settler, claims, underlay, routes, ruleset };
}

/** IPv4 and both families, direct and through the overlay. */
export const CLUSTERS: readonly Cluster[] = ([1, 2] as const).flatMap((families) =>
  (["auto", "always"] as const).map((overlay) => ({ overlay, families })),
);

/** As in "IPv4 and IPv6, overlay". */
export function describeCluster({ overlay, families }: Cluster): string {
  return `${families === 1 ? "IPv4" : "IPv4 and IPv6"}, ${overlay === "auto" ? "direct" : "overlay"}`;
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heapBytes(): number {
  // What only weak references hold of something that went is gone a round later.
  for (let round = 0; round < 3; round++) collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Bytes of heap for each of so many nodes. What all clusters share must have been made before. */
export function heapPerNode(cluster: Cluster, count: number): number {
  const before = heapBytes();
  const kept = knowNodes(cluster, count);
  const bytes = (heapBytes() - before) / count;
  assert.ok(kept !== undefined);
  return bytes;
}
