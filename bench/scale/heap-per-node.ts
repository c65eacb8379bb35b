import assert from "node:assert/strict";
import { createEntryPlanner } from "../../agent/kernel/peer/peer-entries.ts";
import { addressAt, type Cidr, parseCidr } from "../../agent/net/cidr.ts";
import { createClaimSettler } from "../../agent/plan/peers/cluster-claims.ts";
import { overlayNodes } from "../../agent/plan/peers/overlay-nodes.ts";
import { createPeerPlanner, type PeerRoute } from "../../agent/plan/peers/peer-routes.ts";
import { NO_SURROUNDINGS } from "../../agent/plan/node/surroundings.ts";
import { planOverlayBindings } from "../../agent/plan/rules/overlay-bindings.ts";

/**
 * How much heap each further node takes, with addresses and PodCIDRs of both families: what is kept of its object, of its claims, and of the way
 * to it and the elements of sets for it.
 *
 * usage: node --expose-gc bench/scale/heap-per-node.ts
 */
const NODES = 5000;
const OWN = ["172.16.0.1", "fd01::1"];

function cidr(text: string): Cidr {
  return parseCidr(text) ?? assert.fail(text);
}

function makeNode(index: number) {
  return {
    name: `node-${index}`,
    uid: crypto.randomUUID(),
    createdMs: index,
    addresses: [addressAt(cidr("172.16.0.0/12"), BigInt(index)), addressAt(cidr("fd01::/64"), BigInt(index))],
    podCIDRs: [`10.${index >> 8}.${index & 255}.0/24`, `fd00:1:${index.toString(16)}::/64`],
  };
}

function heapBytes(): number {
  assert.ok(globalThis.gc, "node --expose-gc");
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** All that is known of so many nodes. */
function know(overlay: "always" | "auto") {
  const nodes = Array.from({ length: NODES }, (_, index) => makeNode(index + 2));
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
  const sets = overlay === "auto" ? [] : planOverlayBindings({ ownAddresses: OWN, nodes: others });
  return { nodes, settler, claims, plan, routes, planEntries, entries: planEntries(routes), others, sets };
}

const kept: unknown[] = [know("auto"), know("always")];
for (const overlay of ["auto", "always"] as const) {
  const before = heapBytes();
  kept.push(know(overlay));
  const each = (heapBytes() - before) / NODES / 1000;
  console.log(
    `${overlay === "auto" ? "direct" : "overlay"}: ${each.toFixed(1)} KB for each of ${NODES} nodes`,
  );
}
