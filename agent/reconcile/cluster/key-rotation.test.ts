import assert from "node:assert/strict";
import { test } from "node:test";
import { allowedIpsOf } from "../../plan/encryption/wireguard.ts";
import type { ClusterMember, NodeKeys } from "../../plan/peers/claim.ts";
import { FAR, NEAR, OWN, setUp, view } from "../../testing/cluster/cluster-setup.ts";
import { fakeKey } from "../../testing/cluster/fake-wireguard.ts";

const SETTINGS = { type: "wireguard", require: true, port: 51_820, rotateAfter: 0 } as const;
const DAY = 86_400_000;

type Setup = ReturnType<typeof setUp>;

const withKey = (node: ClusterMember, keys?: Partial<NodeKeys>): ClusterMember => ({
  ...node,
  wireguard: { publicKey: fakeKey(node.name), port: 51_820, ...keys },
});

const keyOf = ({ wireguard }: Setup, name: string): string | undefined =>
  wireguard.devices.get(name)?.publicKey;
const peersOf = ({ wireguard }: Setup, name: string): readonly (string | number)[][] =>
  [...(wireguard.devices.get(name)?.peers ?? [])].map(([node, peer]) => [
    node,
    peer.publicKey,
    allowedIpsOf(peer).length,
  ]);

/** Lets our own Node say what it was last told to. */
function publish(setup: Setup, ...others: readonly ClusterMember[]): void {
  setup.view = view(true, { ...OWN, wireguard: setup.published.at(-1) }, ...others);
}

/** A node with a published key, and two others. */
async function begun(rotateAfter = 0): Promise<Setup> {
  const setup = setUp("auto", { ...SETTINGS, rotateAfter });
  setup.view = view(true, OWN, withKey(NEAR), withKey(FAR));
  await setup.run();
  publish(setup, withKey(NEAR), withKey(FAR));
  await setup.run();
  return setup;
}

const routeKinds = ({ seen }: Setup): readonly string[] =>
  [...(seen.at(-1)?.plan.routes.values() ?? [])].map(({ kind }) => kind);

/** The node shows that it knows our next key. */
function shows({ wireguard }: Setup, name: string): void {
  wireguard.devices.get("cw-wg2")?.handshakes.set(fakeKey(name), { seconds: 1 });
}

test("a rotation publishes the next key beside the one in use, and uses it when all nodes have shown that they know it", async () => {
  const setup = await begun();
  const old = keyOf(setup, "cw-wg") ?? "";
  setup.keys.rotateKey();
  await setup.run();
  const next = keyOf(setup, "cw-wg2") ?? "";
  assert.deepEqual(setup.published.at(-1), {
    publicKey: old,
    port: 51_820,
    next: { publicKey: next, port: 51_821 },
  });
  assert.deepEqual(peersOf(setup, "cw-wg2"), [
    ["far", fakeKey("far"), 0],
    ["near", fakeKey("near"), 0],
  ]);
  publish(setup, withKey(NEAR), withKey(FAR));
  shows(setup, "near");
  await setup.run();
  assert.equal(keyOf(setup, "cw-wg"), old);
  assert.deepEqual(setup.keys.report()?.rotation, {
    publicKey: next,
    port: 51_821,
    nodes: 2,
    waitingFor: ["far"],
  });
  shows(setup, "far");
  await setup.run();
  assert.equal(keyOf(setup, "cw-wg"), next);
  assert.equal(keyOf(setup, "cw-wg2"), undefined);
  assert.deepEqual(setup.published.at(-1), { publicKey: next, port: 51_820 });
  // Nothing is unreachable for a moment, although the Node still says that the key is the next one.
  assert.deepEqual(routeKinds(setup), ["encrypted", "encrypted"]);
  await setup.run();
  assert.deepEqual(routeKinds(setup), ["encrypted", "encrypted"]);
  publish(setup, withKey(NEAR), withKey(FAR));
  await setup.run(true);
  assert.deepEqual([keyOf(setup, "cw-wg"), keyOf(setup, "cw-wg2")], [next, undefined]);
  assert.deepEqual(setup.repairs, []);
});

test("a rotation waits while its next key is not published, as while the API server is away, and the old key stays", async () => {
  const setup = await begun();
  const old = keyOf(setup, "cw-wg");
  setup.keys.rotateKey();
  await setup.run();
  for (const name of ["near", "far"]) shows(setup, name);
  await setup.clock.advance(DAY);
  await setup.run(true);
  assert.equal(keyOf(setup, "cw-wg"), old);
  publish(setup, withKey(NEAR), withKey(FAR));
  await setup.run();
  assert.notEqual(keyOf(setup, "cw-wg"), old);
});

test("a node that does not answer holds a rotation up for a minute, with a warning, and no longer", async () => {
  const setup = await begun();
  const old = keyOf(setup, "cw-wg");
  setup.keys.rotateKey();
  await setup.run();
  publish(setup, withKey(NEAR), withKey(FAR));
  shows(setup, "near");
  await setup.run();
  await setup.clock.advance(59_000);
  await setup.run();
  assert.equal(keyOf(setup, "cw-wg"), old);
  await setup.clock.advance(1_000);
  await setup.run();
  assert.notEqual(keyOf(setup, "cw-wg"), old);
});

test("a rotation names the nodes that keep it from its end, and the port that they are to call", async () => {
  const setup = await begun();
  setup.keys.rotateKey();
  await setup.run();
  publish(setup, withKey(NEAR), withKey(FAR));
  shows(setup, "near");
  await setup.run();
  await setup.clock.advance(120_000);
  setup.wireguard.devices.get("cw-wg")?.handshakes.set(fakeKey("far"), { seconds: 100 });
  await setup.run();
  assert.match(
    setup.readiness.warnings().find(({ part }) => part === "key rotation")?.reason ?? "",
    /"far".*UDP port 51821/,
  );
  shows(setup, "far");
  await setup.run();
  assert.ok(setup.readiness.warnings().every(({ part }) => part !== "key rotation"));
});

test("a next key that others could not read for long, as under an agent that was away or of a release without rotation, waits for nodes like any other", async () => {
  const setup = await begun();
  const old = keyOf(setup, "cw-wg");
  setup.keys.rotateKey();
  await setup.run();
  await setup.clock.advance(DAY);
  publish(setup, withKey(NEAR), withKey(FAR));
  shows(setup, "near");
  await setup.run();
  assert.deepEqual([keyOf(setup, "cw-wg"), setup.keys.report()?.rotation?.waitingFor], [old, ["far"]]);
  await setup.clock.advance(60_000);
  await setup.run();
  assert.notEqual(keyOf(setup, "cw-wg"), old);
});

for (const { name, moved } of [
  { name: "the next key is made and not published", moved: false },
  { name: "the key is moved, and the device of the next one still there", moved: true },
])
  test(`an agent that starts where ${name} goes on from there`, async () => {
    const before = await begun();
    before.keys.rotateKey();
    await before.run();
    const next = keyOf(before, "cw-wg2");
    if (moved) await before.wireguard.moveKey("cw-wg2", "cw-wg");
    const setup = setUp("auto", SETTINGS);
    for (const [device, state] of before.wireguard.devices) setup.wireguard.devices.set(device, state);
    setup.view = before.view;
    if (moved) {
      const own = before.published.at(-1);
      setup.view = view(true, { ...OWN, wireguard: own }, withKey(NEAR), withKey(FAR));
    }
    await setup.run();
    if (moved) assert.deepEqual(setup.published.at(-1), { publicKey: next, port: 51_820 });
    else assert.equal(setup.published.at(-1)?.next?.publicKey, next);
    publish(setup, withKey(NEAR), withKey(FAR));
    for (const node of ["near", "far"]) shows(setup, node);
    await setup.run();
    assert.deepEqual([keyOf(setup, "cw-wg"), keyOf(setup, "cw-wg2")], [next, undefined]);
    assert.deepEqual(routeKinds(setup), ["encrypted", "encrypted"]);
  });

test("an agent that starts with the port where the next key is shown gives that key up, and keeps the one in use", async () => {
  const before = await begun();
  const old = keyOf(before, "cw-wg");
  before.keys.rotateKey();
  await before.run();
  const setup = setUp("auto", { ...SETTINGS, port: 51_821 });
  for (const [device, state] of before.wireguard.devices) setup.wireguard.devices.set(device, state);
  const own = before.published.at(-1);
  setup.view = view(true, { ...OWN, wireguard: own }, withKey(NEAR), withKey(FAR));
  await setup.run();
  assert.deepEqual([keyOf(setup, "cw-wg"), keyOf(setup, "cw-wg2")], [old, undefined]);
  assert.deepEqual(setup.published.at(-1), { publicKey: old, port: 51_821 });
  assert.deepEqual(routeKinds(setup), ["encrypted", "encrypted"]);
});

test("a key is replaced by its age, which a restart of the agent does not change", async () => {
  const setup = await begun(30 * DAY);
  const old = keyOf(setup, "cw-wg");
  await setup.clock.advance(26 * DAY);
  await setup.run(true);
  assert.equal(keyOf(setup, "cw-wg2"), undefined);
  await setup.clock.advance(4 * DAY);
  await setup.run();
  assert.notEqual(keyOf(setup, "cw-wg2"), undefined);
  publish(setup, withKey(NEAR), withKey(FAR));
  for (const name of ["near", "far"]) shows(setup, name);
  await setup.run();
  assert.notEqual(keyOf(setup, "cw-wg"), old);
  publish(setup, withKey(NEAR), withKey(FAR));
  await setup.run(true);
  assert.equal(keyOf(setup, "cw-wg2"), undefined);
});

test("a second request while a rotation runs changes nothing of it", async () => {
  const setup = await begun();
  setup.keys.rotateKey();
  await setup.run();
  const next = keyOf(setup, "cw-wg2");
  setup.keys.rotateKey();
  await setup.run(true);
  assert.equal(keyOf(setup, "cw-wg2"), next);
});

test("a port that another program has keeps a rotation from its beginning, and the key in use is not affected", async () => {
  const setup = await begun();
  const ensureDevice = setup.wireguard.ensureDevice.bind(setup.wireguard);
  setup.wireguard.ensureDevice = (plan) =>
    plan.name === "cw-wg2" ? Promise.reject(new Error("UDP port 51821 is in use")) : ensureDevice(plan);
  setup.keys.rotateKey();
  await setup.run();
  assert.equal(setup.keys.rotation.fault(), "UDP port 51821 is in use");
  assert.deepEqual(routeKinds(setup), ["encrypted", "encrypted"]);
});

test("another node's next key gets that node's prefixes when the node sends under it, and the old one is forgotten", async () => {
  const setup = await begun();
  const next = { publicKey: fakeKey("new near"), port: 51_821 };
  publish(setup, withKey(NEAR, { next }), withKey(FAR));
  await setup.run();
  assert.deepEqual(peersOf(setup, "cw-wg").slice(1), [
    ["near", fakeKey("near"), 2],
    ["near (next key)", next.publicKey, 0],
  ]);
  // It is looked at from now on, and the next run is asked for by what is seen.
  const { handshakes = new Map() } = setup.wireguard.devices.get("cw-wg") ?? {};
  handshakes.set(next.publicKey, { seconds: 1, endpoint: { address: "192.0.2.11", port: 51_820 } });
  const before = setup.handshakes;
  await setup.clock.advance(100);
  assert.ok(setup.handshakes > before);
  await setup.run();
  assert.deepEqual(peersOf(setup, "cw-wg").at(1), ["near", next.publicKey, 2]);
  publish(setup, withKey(NEAR, { publicKey: next.publicKey }), withKey(FAR));
  await setup.run();
  assert.deepEqual(peersOf(setup, "cw-wg"), [
    ["far", fakeKey("far"), 2],
    ["near", next.publicKey, 2],
  ]);
  // Nothing is looked at any more, but for sessions.
  await setup.clock.advance(1100);
  assert.equal(setup.clock.pending(), 1);
  setup.stop();
  assert.equal(setup.clock.pending(), 0);
});
