import assert from "node:assert/strict";
import { formatKey, KEY_ANNOTATION } from "../../kube/keys/published-key.ts";
import type { ClusterNode } from "../../kube/nodes/node-view.ts";
import { projectNode } from "../../kube/nodes/project-node.ts";
import { addressAt, type Cidr, parseCidr } from "../../net/cidr.ts";
import { judgeKeys, type KeyInput } from "../../plan/encryption/judge-keys.ts";
import { createWireGuardPeerPlanner } from "../../plan/encryption/plan-peers.ts";
import { createClaimSettler } from "../../plan/peers/cluster-claims.ts";
import { overlayNodes } from "../../plan/peers/overlay-nodes.ts";
import { createPeerPlanner, type RouteTo } from "../../plan/peers/peer-routes.ts";
import { planPeers } from "../../plan/peers/peers.ts";
import { NO_SURROUNDINGS } from "../../plan/node/surroundings.ts";
import { planRuleset } from "../../plan/rules/ruleset.ts";
import { heapBytes } from "../process/heap-bytes.ts";
import { fakeKey } from "./fake-wireguard.ts";

/** What kinds of clusters are measured. */
export interface Cluster {
  /** How pods of other nodes are reached. */
  readonly way: "direct" | "overlay" | "encrypted";
  /** IPv4 alone, or both. */
  readonly families: 1 | 2;
}

const WAY = { kind: "segment", links: [2] } as const;

const OWN_NAME = "own";

const OWN = ["172.16.0.1", "fd01::1"];

function cidr(text: string): Cidr {
  return parseCidr(text) ?? assert.fail(text);
}

/** As a list has it: text that is put together otherwise takes up to ten times as much, in pieces. */
function makeNode(index: number, { families, way }: Cluster): ClusterNode {
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
      annotations: way === "encrypted" ? { [KEY_ANNOTATION]: makeKey(index) } : {},
    },
    spec: { podCIDRs: podCIDRs.slice(0, families) },
    status: {
      addresses: addresses.slice(0, families).map((address) => ({ type: "InternalIP", address })),
    },
  };
  const projection = projectNode(JSON.parse(JSON.stringify(raw)), OWN_NAME);
  return projection.kind === "usable" ? projection.object : assert.fail(projection.reason);
}

function makeKey(index: number): string {
  return formatKey({ publicKey: fakeKey(`node ${index}`), port: 51_820 });
}

/**
 * All that the agent keeps of so many nodes: of their objects, of their claims, of the kernel's way to each,
 * the elements of sets for them, and the peers of WireGuard.
 */
export function knowNodes(cluster: Cluster, count: number): unknown {
  const { way } = cluster;
  const overlay = way === "overlay" ? "always" : "auto";
  const nodes = new Map(
    Array.from({ length: count }, (_, index) => makeNode(index + 2, cluster)).map((node) => [
      node.name,
      node,
    ]),
  );
  const settler = createClaimSettler({ nodeName: OWN_NAME, clusterCIDRs: [], surroundings: NO_SURROUNDINGS });
  const { claims } = settler.settle(nodes.values());
  const underlay = {
    addresses: new Map(OWN.map((address) => [address, 1500])),
    routes: new Map(
      [...nodes.values()].flatMap(({ addresses }) => addresses).map((address) => [address, WAY]),
    ),
  };
  const keys = way === "encrypted" ? judgeKeys(keyInput(nodes)) : undefined;
  const ownGateways = ["10.0.1.1", "fd00:1:1::1"];
  const plan = createPeerPlanner({
    overlay,
    ownAddresses: OWN,
    ownGateways,
    underlay,
    encryption: keys && { linkIndex: 7, fault: undefined, isRequired: false },
  });
  const routeTo: RouteTo = (address) => underlay.routes.get(address);
  const peers = planPeers({
    claims,
    nodeName: OWN_NAME,
    ownCidrs: [],
    ownAddresses: OWN,
    ownGateways,
    planPeer: (claim) => plan(claim, routeTo, keys?.keyOf),
    underlay,
    settings: { vxlanDevice: "cw-vx", vxlanVni: 4096, vxlanPort: 4789, vxlanTxChecksum: true },
  });
  const planWireGuard = createWireGuardPeerPlanner();
  const wireguard = planWireGuard(peers.encrypted, new Set());
  // As the kernel's side remembers them.
  const made = new Map(Array.from(wireguard.values(), (peer) => [peer.publicKey, peer]));
  const others = overlayNodes({ claims, remembered: [], isOwn: () => false });
  const ruleset = planRuleset({
    bridge: "cw0",
    podCidrs: [cidr("10.0.1.0/24"), cidr("fd00:1:1::/64")],
    serviceAddresses: [],
    insideCidrs: [...claims.values()],
    masquerade: { families: [4, 6], randomPorts: true },
    overlay: {
      bridge: "cw0",
      devices: ["cw-vx"],
      port: 4789,
      vni: 4096,
      isReceiver: way === "overlay",
      ownAddresses: OWN,
      nodes: others,
    },
  });
  return { nodes, settler, claims, underlay, keys, peers, planWireGuard, wireguard, made, ruleset };
}

function keyInput(nodes: ReadonlyMap<string, ClusterNode>): KeyInput {
  return { nodeName: OWN_NAME, own: { publicKey: fakeKey("own") }, nodes: nodes.values() };
}

/** IPv4 and both families; direct, through the overlay, and encrypted. */
export const CLUSTERS: readonly Cluster[] = ([1, 2] as const).flatMap((families) =>
  (["direct", "overlay", "encrypted"] as const).map((way) => ({ way, families })),
);

/** As in "IPv4 and IPv6, overlay". */
export function describeCluster({ way, families }: Cluster): string {
  return `${families === 1 ? "IPv4" : "IPv4 and IPv6"}, ${way}`;
}

/** Bytes of heap for each of so many nodes. What all clusters share must have been made before. */
export function heapPerNode(cluster: Cluster, count: number): number {
  const before = heapBytes();
  const kept = knowNodes(cluster, count);
  const bytes = (heapBytes() - before) / count;
  assert.ok(kept !== undefined);
  return bytes;
}
