import assert from "node:assert/strict";
import { test } from "node:test";
import { countRefusals } from "../plan/peers/refusal.ts";
import { elementsOf, FAR, NEAR, node, OWN, routed, setUp, view } from "../testing/cluster/cluster-setup.ts";

test("run() routes to all nodes but this one, and masquerades nothing that stays in the cluster", async () => {
  const { run, seen, rulesets, counts } = setUp();
  await run();
  assert.deepEqual(seen.map(routed), [["10.244.2.0/24"]]);
  const expected = {
    podCidrs: { encrypted: 0, direct: 1, overlay: 0, held: 0, unreachable: 1 },
    nodes: { encrypted: 0, direct: 1, overlay: 0, held: 0, unreachable: 1 },
    refused: countRefusals([]),
    inClear: 0,
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

test("run() guards the overlay before it makes a device, and still while one may be left", async () => {
  const setup = setUp("auto");
  const last = () => setup.rulesets.at(-1);
  await setup.run();
  assert.deepEqual(elementsOf(last(), "nodes4"), ["192.0.2.11", "203.0.113.7"]);
  assert.deepEqual(elementsOf(last(), "inner4-24"), ["c000:020b . 10.244.2.0", "cb00:7107 . 10.244.3.0"]);
  setup.view = view(true, OWN, NEAR);
  await setup.run();
  assert.deepEqual(elementsOf(last(), "inner4-24"), ["c000:020b . 10.244.2.0"]);
  await setup.run();
  assert.equal(elementsOf(last(), "inner4-24"), undefined);
  assert.deepEqual(elementsOf(last(), "nodes4"), ["192.0.2.11"]);
});

test("run() lets nodes into the overlay that were routed to before a restart, until all nodes are known", async () => {
  const setup = setUp("auto");
  setup.view = view(false, OWN);
  await setup.run();
  assert.deepEqual(elementsOf(setup.rulesets.at(-1), "inner4-24"), ["cb00:714d . 10.244.77.0"]);
  setup.view = view(true, OWN, FAR);
  await setup.run();
  assert.deepEqual(elementsOf(setup.rulesets.at(-1), "inner4-24"), ["cb00:7107 . 10.244.3.0"]);
});

test("run() lets the same nodes into the overlay while not even this node's own addresses are known", async () => {
  const setup = setUp("auto");
  setup.view = view(false);
  setup.addresses = [];
  await setup.run();
  const ruleset = setup.rulesets.at(-1);
  assert.deepEqual(elementsOf(ruleset, "inner4-24"), ["cb00:714d . 10.244.77.0"]);
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
    [...plan.routes].map(([key, route]) => [key, route.kind === "direct" && route.gateway]),
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

test("run() stays ready without VXLAN, warns, and tries again: nodes on the same subnet are reached", async () => {
  const setup = setUp("auto");
  setup.noOverlay = "Cannot create VXLAN device: no module vxlan";
  assert.equal(await setup.run(), "again");
  assert.ok(setup.readiness.reasons().every(({ part }) => part !== "routes"));
  assert.deepEqual(setup.readiness.warnings(), [{ part: "overlay", reason: setup.noOverlay }]);
  assert.match(setup.notes.join(), /no module vxlan/);
  assert.deepEqual([setup.counts().desired, setup.counts().programmed], [2, 1]);
  setup.noOverlay = undefined;
  assert.equal(await setup.run(), undefined);
  assert.deepEqual(setup.readiness.warnings(), []);
  assert.equal(setup.counts().programmed, 2);
});

test("run() makes routes also while nft fails, and tells the failure", async () => {
  const setup = setUp();
  setup.rulesetFault = new Error("Cannot run nft: ENOENT");
  await assert.rejects(setup.run(), /Cannot run nft/);
  assert.equal(setup.seen.length, 1);
  assert.equal(setup.rulesetErrors, 1);
  assert.ok(setup.readiness.reasons().some(({ reason }) => reason === "Cannot run nft: ENOENT"));
});
