import assert from "node:assert/strict";
import { test } from "node:test";
import type { Change } from "../kernel/types.ts";
import type { ClusterMember } from "../plan/peers/claim.ts";
import type { OverlayMode } from "../plan/peers/peer-routes.ts";
import type { PeersPlan } from "../plan/peers/peers.ts";
import { countRefusals } from "../plan/peers/refusal.ts";
import type { Ruleset } from "../plan/nft/nft-table.ts";
import { NO_SURROUNDINGS } from "../plan/node/surroundings.ts";
import type { UnderlayRoute } from "../plan/node/underlay.ts";
import { createReadiness } from "../lib/readiness.ts";
import { silentLog } from "../testing/silent-log.ts";
import { createClusterReconciler } from "./cluster.ts";
import { createSettleClaims } from "./settle-claims.ts";
import { cidr } from "../testing/cidr.ts";

function node(name: string, address: string, ...podCIDRs: readonly string[]): ClusterMember {
  return { name, createdMs: 1, addresses: [address], podCIDRs };
}

const OWN = node("own", "192.0.2.10", "10.244.1.0/24");
const NEAR = node("near", "192.0.2.11", "10.244.2.0/24");
const FAR = node("far", "203.0.113.7", "10.244.3.0/24");

const SEGMENT = { kind: "segment", links: [2] } as const;
const NOWHERE = { kind: "none", links: [], fault: "the kernel has no route to it (ENETUNREACH)" } as const;

function routeTo(address: string): UnderlayRoute {
  return address.startsWith("192.0.2.") ? SEGMENT : NOWHERE;
}

function view(isComplete: boolean, ...nodes: readonly ClusterMember[]): ClusterView {
  return { nodes: new Map(nodes.map((member) => [member.name, member])), isComplete };
}

interface ClusterView {
  readonly nodes: ReadonlyMap<string, ClusterMember>;
  readonly isComplete: boolean;
}

/** A reconciler over a kernel that notes what it is told, and answers what the test wants. */
function setUp(overlay: OverlayMode = "never") {
  const seen: { plan: PeersPlan; prune: boolean; verify: boolean }[] = [];
  const rulesets: Ruleset[] = [];
  const told = { repairs: [] as string[], notes: [] as string[], refusals: [] as string[] };
  const setup = {
    seen,
    rulesets,
    ...told,
    view: view(true, OWN, NEAR, FAR),
    addresses: OWN.addresses,
    changes: [] as Change[],
    kernelRefusals: [] as string[],
    rulesetFault: undefined as Error | undefined,
    rulesetErrors: 0,
    ownRefusals: 0,
    readiness: createReadiness(() => undefined),
    run: (verify = false) => reconciler.run({ verify }),
    counts: () => reconciler.counts(),
  };
  const reconciler = createClusterReconciler({
    kernel: {
      ensurePeers(plan, options) {
        seen.push({ plan, ...options });
        return Promise.resolve({ changes: setup.changes, conflicts: [], refusals: setup.kernelRefusals });
      },
      findMissingFeatures: () => Promise.resolve([]),
      listPeers: () => Promise.resolve([{ destination: cidr("10.244.77.0/24"), node: "203.0.113.77" }]),
      ensureRuleset(ruleset) {
        rulesets.push(ruleset);
        return setup.rulesetFault === undefined ? Promise.resolve([]) : Promise.reject(setup.rulesetFault);
      },
    },
    readiness: setup.readiness,
    log: silentLog,
    nodeName: "own",
    bridge: "cw0",
    overlay,
    vxlanDevice: "cw-vx",
    vxlanVni: 4096,
    vxlanPort: 4789,
    vxlanTxChecksum: true,
    masquerade: [4, 6],
    masqueradeRandomPorts: true,
    nonMasqueradeCIDRs: [cidr("172.16.0.0/12")],
    clusterCIDRs: [],
    isComplete: () => setup.view.isComplete,
    settleClaims: createSettleClaims({
      nodeName: "own",
      clusterCIDRs: [],
      nodes: () => setup.view.nodes.values(),
      apiServer: () => undefined,
    }),
    local: () => ({
      addresses: setup.addresses,
      podCidrs: [cidr("10.244.1.0/24")],
      formerCidrs: [],
      underlay: {
        uplinks: [{ name: "up0", mtu: 1500 }],
        routes: new Map(
          [...setup.view.nodes.values()].flatMap(({ addresses: [address = ""] }) => [
            [address, routeTo(address)],
          ]),
        ),
        addresses: new Map([["192.0.2.10", 1500]]),
        serviceAddresses: [],
        surroundings: NO_SURROUNDINGS,
      },
    }),
    onRepair: (kind) => told.repairs.push(kind),
    onRulesetError: () => setup.rulesetErrors++,
    onProblem: (note) => told.notes.push(note),
    onRefusal: (note) => told.refusals.push(note),
    onOwnRefusal: () => setup.ownRefusals++,
  });
  return setup;
}

const routed = ({ plan }: { plan: PeersPlan }): string[] => [...plan.routes.keys()];

test("run() routes to all nodes but this one, and masquerades nothing that stays in the cluster", async () => {
  const { run, seen, rulesets, counts } = setUp();
  await run();
  assert.deepEqual(seen.map(routed), [["10.244.2.0/24"]]);
  const expected = {
    podCidrs: { direct: 1, overlay: 0, held: 0, unreachable: 1 },
    nodes: { direct: 1, overlay: 0, held: 0, unreachable: 1 },
    refused: countRefusals([]),
    desired: 1,
    programmed: 1,
  };
  assert.deepEqual(counts(), expected);
  const inside = rulesets[0]?.[0]?.sets.find(({ name }) => name === "inside4")?.elements;
  assert.deepEqual(inside, [
    "10.244.1.0/24",
    "10.244.2.0/23",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "224.0.0.0/4",
  ]);
});

test("run() lets nothing be removed before all nodes are known: an agent that starts in an outage takes no route away", async () => {
  const setup = setUp();
  setup.view = view(false);
  await setup.run(true);
  setup.view = view(true, OWN, NEAR);
  await setup.run();
  assert.deepEqual(
    setup.seen.map(({ prune }) => prune),
    [false, true],
  );
  assert.deepEqual(setup.seen.map(routed), [[], ["10.244.2.0/24"]]);
});

test("run() masquerades nothing to nodes that were routed to before a restart, until all nodes are known", async () => {
  const setup = setUp();
  const inside = () => setup.rulesets.at(-1)?.[0]?.sets.find(({ name }) => name === "inside4")?.elements;
  setup.view = view(false);
  await setup.run(true);
  assert.ok(inside()?.includes("10.244.77.0/24"));
  setup.view = view(true, OWN, NEAR);
  await setup.run();
  assert.ok(!inside()?.includes("10.244.77.0/24"));
});

/** Elements of a set by its name; undefined where there is no such set. */
function elementsOf(ruleset: Ruleset | undefined, name: string): readonly string[] | undefined {
  return ruleset?.[0]?.sets.find((set) => set.name === name)?.elements;
}

test("run() guards the overlay before it makes a device, and still while one may be left", async () => {
  const setup = setUp("auto");
  const last = () => setup.rulesets.at(-1);
  await setup.run();
  assert.deepEqual(elementsOf(last(), "nodes4"), ["192.0.2.11", "203.0.113.7"]);
  assert.deepEqual(elementsOf(last(), "overlay4-4-24"), [
    "192.0.2.11 . 0x0af40200",
    "203.0.113.7 . 0x0af40300",
  ]);
  setup.view = view(true, OWN, NEAR);
  await setup.run();
  assert.deepEqual(elementsOf(last(), "overlay4-4-24"), ["192.0.2.11 . 0x0af40200"]);
  await setup.run();
  assert.equal(elementsOf(last(), "overlay4-4-24"), undefined);
  assert.deepEqual(elementsOf(last(), "nodes4"), ["192.0.2.11"]);
});

test("run() lets nodes into the overlay that were routed to before a restart, until all nodes are known", async () => {
  const setup = setUp("auto");
  setup.view = view(false, OWN);
  await setup.run();
  assert.deepEqual(elementsOf(setup.rulesets.at(-1), "overlay4-4-24"), ["203.0.113.77 . 0x0af44d00"]);
  setup.view = view(true, OWN, FAR);
  await setup.run();
  assert.deepEqual(elementsOf(setup.rulesets.at(-1), "overlay4-4-24"), ["203.0.113.7 . 0x0af40300"]);
});

test("run() lets the same nodes into the overlay while not even this node's own addresses are known", async () => {
  const setup = setUp("auto");
  setup.view = view(false);
  setup.addresses = [];
  await setup.run();
  const ruleset = setup.rulesets.at(-1);
  assert.deepEqual(elementsOf(ruleset, "overlay4-4-24"), ["203.0.113.77 . 0x0af44d00"]);
  assert.doesNotMatch(JSON.stringify(ruleset), /"own4"/);
});

test("run() guards nothing where there is no overlay, but for devices of before until all nodes are known", async () => {
  const setup = setUp("never");
  setup.view = view(false, OWN);
  await setup.run();
  assert.notEqual(elementsOf(setup.rulesets.at(-1), "nodes4"), undefined);
  setup.view = view(true, OWN, NEAR);
  await setup.run();
  assert.equal(elementsOf(setup.rulesets.at(-1), "nodes4"), undefined);
});

test("run() never routes this node's own prefix away, whoever claims it or a part of it, and also while this node is not known", async () => {
  const setup = setUp();
  const thief = { ...node("thief", "192.0.2.66", "10.244.1.0/24", "10.244.9.0/24"), createdMs: 9 };
  setup.view = view(true, OWN, thief);
  await setup.run();
  const older = { ...node("older", "192.0.2.67", "10.244.1.128/25"), createdMs: 0 };
  setup.view = view(true, OWN, older);
  await setup.run();
  setup.view = view(false, thief);
  await setup.run();
  assert.deepEqual(setup.seen.map(routed), [["10.244.9.0/24"], [], ["10.244.9.0/24"]]);
  assert.match(setup.refusals.join(), /node "thief" claims 10.244.1.0\/24, which belongs to node "own"/);
});

test("run() says so when this node loses its PodCIDR to an older Node, and when that one is gone", async () => {
  const setup = setUp();
  await setup.run();
  assert.equal(setup.ownRefusals, 0);
  const older = { ...node("older", "192.0.2.67", "10.244.1.0/24"), createdMs: 0 };
  setup.view = view(true, OWN, NEAR, older);
  await setup.run();
  await setup.run();
  assert.equal(setup.ownRefusals, 1);
  assert.equal(setup.counts().refused.conflict, 1);
  setup.view = view(true, OWN, NEAR);
  await setup.run();
  assert.deepEqual([setup.ownRefusals, setup.counts().refused.conflict], [2, 0]);
});

test("run() follows a node that was made again under its old name with another prefix and address", async () => {
  const setup = setUp();
  await setup.run();
  setup.view = view(true, OWN, node("near", "192.0.2.99", "10.244.9.0/24"));
  await setup.run();
  const [, { plan } = assert.fail()] = setup.seen;
  assert.deepEqual(
    [...plan.routes].map(([key, { gateway }]) => [key, gateway]),
    [["10.244.9.0/24", "192.0.2.99"]],
  );
});

test("run() tells what no plan has made necessary apart, as a repair", async () => {
  const setup = setUp();
  setup.changes = [{ kind: "route", fault: "add route 10.244.2.0/24" }];
  await setup.run();
  assert.deepEqual(setup.repairs, []);
  await setup.run(true);
  assert.deepEqual(setup.repairs, ["route"]);
  setup.view = view(true, OWN, NEAR, node("new", "192.0.2.12", "10.244.5.0/24"));
  await setup.run();
  assert.deepEqual(setup.repairs, ["route"]);
});

test("run() gives the kernel the same ruleset and routes as long as no node changes: nothing is compared by value", async () => {
  const { run, seen, rulesets } = setUp();
  await run();
  await run();
  assert.equal(rulesets[0], rulesets[1]);
  const [first, second] = seen.map(({ plan }) => plan.routes.get("10.244.2.0/24"));
  assert.equal(first, second);
});

test("run() reports a node that cannot be reached once, with the reason", async () => {
  const setup = setUp();
  await setup.run();
  await setup.run();
  assert.deepEqual(setup.notes, [
    'node "far" cannot be reached at 10.244.3.0/24: for its address 203.0.113.7: the kernel has no route to it (ENETUNREACH), and the overlay is off',
  ]);
});

test("run() wants another try when the kernel refused a route, and stays ready: one bad Node must not stop all pods", async () => {
  const setup = setUp();
  setup.kernelRefusals = ["Cannot add route 10.244.2.0/24 via 192.0.2.11: ENETUNREACH"];
  assert.equal(await setup.run(), "again");
  assert.ok(setup.readiness.reasons().every(({ part }) => part !== "routes"));
  assert.deepEqual([setup.counts().nodes.direct, setup.counts().programmed], [1, 0]);
  setup.kernelRefusals = [];
  assert.equal(await setup.run(), undefined);
  assert.equal(setup.counts().programmed, 1);
});

test("run() makes routes also while nft fails, and tells the failure", async () => {
  const setup = setUp();
  setup.rulesetFault = new Error("Cannot run nft: ENOENT");
  await assert.rejects(setup.run(), /Cannot run nft/);
  assert.equal(setup.seen.length, 1);
  assert.equal(setup.rulesetErrors, 1);
  assert.ok(setup.readiness.reasons().some(({ reason }) => reason === "Cannot run nft: ENOENT"));
});
