import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { addressAt } from "../net/cidr.ts";
import type { ClusterMember } from "../plan/peers/claim.ts";
import type { OverlayMode } from "../plan/peers/peer-routes.ts";
import { asObserved, diffTable } from "../plan/nft/diff-table.ts";
import { formatUpdate } from "../plan/nft/ruleset-update.ts";
import type { Ruleset } from "../plan/nft/nft-table.ts";
import { NO_SURROUNDINGS } from "../plan/node/surroundings.ts";
import { systemClock } from "../lib/clock.ts";
import { createReadiness } from "../lib/readiness.ts";
import { CLUSTER_SETTINGS, IN_CLEAR } from "../testing/cluster/cluster-setup.ts";
import { createFakeWireGuard, fakeKey } from "../testing/cluster/fake-wireguard.ts";
import { silentLog } from "../testing/silent-log.ts";
import { isThorough } from "../testing/thorough.ts";
import type { EncryptionSettings } from "./cluster/cluster-encryption.ts";
import { createClusterReconciler } from "./cluster.ts";
import { createSettleClaims } from "./settle-claims.ts";
import { cidr } from "../testing/cidr.ts";
import { assertShortTurns, type WorkInTurns } from "../testing/turn-clock.ts";

const NODES = isThorough ? 5000 : 1500;
const SEGMENT = { kind: "segment", links: [2] } as const;

/** How pods' packets come to other nodes. */
interface Way {
  readonly name: string;
  readonly overlay: OverlayMode;
  readonly encryption: EncryptionSettings;
  /** Elements of the overlay's sets for each node. */
  readonly elements: number;
}

const WAYS: readonly Way[] = [
  { name: "direct", overlay: "auto", encryption: IN_CLEAR, elements: 0 },
  { name: "through the overlay", overlay: "always", encryption: IN_CLEAR, elements: 4 },
  {
    name: "encrypted, and never in clear",
    overlay: "auto",
    encryption: { ...IN_CLEAR, type: "wireguard", require: true },
    elements: 0,
  },
];

function node(index: number, moved = false): ClusterMember {
  const place = moved ? index + 32_768 : index;
  return {
    name: `node-${index}`,
    createdMs: 1,
    addresses: [addressAt(cidr("172.16.0.0/12"), BigInt(index)), addressAt(cidr("fd01::/64"), BigInt(index))],
    podCIDRs: [`10.${place >> 8}.${place & 255}.0/24`, `fd00:1:${place.toString(16)}::/64`],
    // The first has published that of its device.
    wireguard: { publicKey: fakeKey(`device ${index}`), port: IN_CLEAR.port },
  };
}

/**
 * A reconciler of the first of all nodes, and a kernel that compares and writes rulesets as the real one
 * does.
 */
function setUp({ overlay, encryption }: Way) {
  const nodes = new Map(Array.from({ length: NODES }, (_, index) => [index + 1, node(index + 1)]));
  const own = node(1);
  const addresses = [...nodes.values()].flatMap((member) => member.addresses);
  const routesByAddress = new Map(addresses.map((address) => [address, SEGMENT]));
  const routes: number[] = [];
  const elements: number[] = [];
  let ruleset: Ruleset = [];
  const reconciler = createClusterReconciler({
    kernel: {
      wireguard: createFakeWireGuard(systemClock.nowMs),
      ensurePeers(plan) {
        routes.push(plan.routes.size);
        return Promise.resolve({ changes: [], conflicts: [], refusals: [] });
      },
      findMissingFeatures: () => Promise.resolve([]),
      findFastPathFault: () => Promise.resolve(undefined),
      listPeers: () => Promise.resolve([]),
      async ensureRuleset(planned) {
        await setImmediate(); // as the real one asks the kernel first
        const before = ruleset;
        const pairs = planned.map((table) => {
          const found = before.find(({ family }) => family === table.family);
          return { planned: table, observed: found && asObserved(found) };
        });
        ruleset = planned;
        const written = formatUpdate(pairs).join("");
        elements.push(written.match(/[0-9a-f]{4}:[0-9a-f]{4} \. /g)?.length ?? 0);
        return pairs.flatMap(diffTable);
      },
    },
    readiness: createReadiness(() => undefined),
    log: silentLog,
    nodeName: own.name,
    ...CLUSTER_SETTINGS,
    overlay,
    nonMasqueradeCIDRs: [],
    encryption,
    publishKey: () => undefined,
    publishedKey: () => own.wireguard,
    clock: systemClock,
    nowSeconds: () => 0,
    onHandshake: () => undefined,
    isComplete: () => true,
    settleClaims: createSettleClaims({
      nodeName: own.name,
      clusterCIDRs: [],
      nodes: () => nodes.values(),
      apiServer: () => undefined,
    }),
    local: () => ({
      addresses: own.addresses,
      podCidrs: own.podCIDRs.map(cidr),
      formerCidrs: [],
      underlay: {
        uplinks: [{ name: "up0", mtu: 1500 }],
        routes: routesByAddress,
        addresses: new Map(own.addresses.map((address) => [address, 1500])),
        serviceAddresses: [],
        vrfAddresses: [],
        surroundings: NO_SURROUNDINGS,
      },
    }),
    onRepair: () => assert.fail("nobody has changed anything"),
    onRulesetError: () => undefined,
    onProblem: () => undefined,
    onRefusal: () => undefined,
    onOwnRefusal: () => undefined,
  });
  return { nodes, reconciler, routes, elements };
}

/** Tells of the end of each turn of the event loop while `work` goes on. */
function watched(work: () => Promise<unknown>): WorkInTurns {
  return async (breathe) => {
    let isOver = false;
    const look = (): void => {
      void breathe();
      if (!isOver) void setImmediate().then(look);
    };
    void setImmediate().then(look);
    await work().finally(() => (isOver = true));
  };
}

for (const way of WAYS) {
  test(`${NODES} nodes keep nothing else waiting, nor does one of them that changes: ${way.name}`, () =>
    assertShortTurns(() => {
      const { nodes, reconciler, routes, elements } = setUp(way);
      return watched(async () => {
        try {
          await reconciler.run({ verify: false });
          nodes.set(7, node(7, true));
          await reconciler.run({ verify: false });
        } finally {
          reconciler.stop();
        }
        assert.deepEqual(routes, [2 * (NODES - 1), 2 * (NODES - 1)]);
        assert.deepEqual(elements, [way.elements * (NODES - 1), way.elements]);
      });
    }));
}
