import assert from "node:assert/strict";
import { test } from "node:test";
import { allowedIpsOf } from "../../plan/encryption/wireguard.ts";
import type { ClusterMember } from "../../plan/peers/claim.ts";
import { cidr } from "../../testing/cidr.ts";
import { elementsOf, FAR, NEAR, node, OWN, setUp, view } from "../../testing/cluster/cluster-setup.ts";
import { fakeKey } from "../../testing/cluster/fake-wireguard.ts";

const WIREGUARD = { type: "wireguard", require: false, port: 51_820, rotateAfter: 0 } as const;
const REQUIRED = { ...WIREGUARD, require: true };

function withKey(member: ClusterMember, publicKey = fakeKey(member.name)): ClusterMember {
  return { ...member, wireguard: { publicKey, port: 51_820 } };
}

type Setup = ReturnType<typeof setUp>;

const kinds = ({ seen }: Setup): (readonly string[])[] =>
  [...(seen.at(-1)?.plan.routes ?? [])].map(([key, { kind }]) => [key, kind]);
const device = ({ wireguard }: Setup) => wireguard.devices.get("cw-wg");
const ownKey = (setup: Setup): string => device(setup)?.publicKey ?? "none";

/** This node after it has published its key, with others. */
async function published(setup: Setup, ...others: readonly ClusterMember[]): Promise<void> {
  setup.view = view(true, OWN, ...others);
  await setup.run();
  setup.view = view(true, withKey(OWN, ownKey(setup)), ...others);
  await setup.run();
}

test("run() without encryption makes no device, and publishes and removes nothing of others", async () => {
  const setup = setUp("auto");
  setup.view = view(true, OWN, withKey(NEAR));
  await setup.run(true);
  assert.equal(setup.wireguard.devices.size, 0);
  assert.deepEqual(kinds(setup), [["10.244.2.0/24", "direct"]]);
  assert.equal(elementsOf(setup.rulesets.at(-1), "remote-pods4"), undefined);
  assert.deepEqual(setup.readiness.warnings(), []);
});

test("run() lets a node in before it publishes the key by which that sends, and sends itself when others can know it", async () => {
  const setup = setUp("auto", WIREGUARD);
  setup.view = view(true, OWN, withKey(NEAR));
  await setup.run();
  assert.deepEqual([...(device(setup)?.peers.keys() ?? [])], ["near"]);
  assert.deepEqual(setup.published, [{ publicKey: ownKey(setup), port: 51_820 }]);
  assert.deepEqual(kinds(setup), [["10.244.2.0/24", "direct"]]);
  setup.view = view(true, withKey(OWN, ownKey(setup)), withKey(NEAR));
  await setup.run();
  assert.deepEqual(kinds(setup), [["10.244.2.0/24", "encrypted"]]);
  assert.deepEqual(device(setup)?.peers.get("near")?.endpoint, { address: "192.0.2.11", port: 51_820 });
  assert.deepEqual(setup.readiness.warnings(), []);
});

test("run() calls a node whose key comes, which may have called in vain before, and no node while its own key is not known", async () => {
  const setup = setUp("auto", WIREGUARD);
  await published(setup, withKey(NEAR));
  assert.deepEqual(setup.wireguard.called, []);
  const own = withKey(OWN, ownKey(setup));
  for (const key of [fakeKey("far"), fakeKey("far"), fakeKey("of far after a reboot")]) {
    setup.view = view(true, own, withKey(NEAR), withKey(FAR, key));
    await setup.run(true);
  }
  assert.deepEqual(setup.wireguard.called, ["far", "far"]);
});

test("a younger Node that says an older one's address takes it from no WireGuard peer, whatever its name", async () => {
  const setup = setUp("auto", WIREGUARD);
  const [address = ""] = NEAR.addresses;
  const thief = { ...node("a-thief", "192.0.2.66", "10.244.66.0/24"), createdMs: NEAR.createdMs + 1 };
  const young = { ...thief, addresses: [...thief.addresses, address] };
  await published(setup, withKey(young), withKey(NEAR));
  const allowed = (name: string) =>
    allowedIpsOf(device(setup)?.peers.get(name) ?? { allowedIps: [] }).map(({ base }) => base);
  assert.deepEqual(allowed("a-thief"), ["10.244.66.0", "192.0.2.66"]);
  assert.deepEqual(allowed("near"), ["10.244.2.0", address]);
});

test("run() reaches a node without a key in clear, counts it and says so", async () => {
  const setup = setUp("auto", WIREGUARD);
  await published(setup, withKey(NEAR), FAR);
  assert.deepEqual(kinds(setup), [
    ["10.244.2.0/24", "encrypted"],
    ["10.244.3.0/24", "overlay"],
  ]);
  assert.equal(setup.counts().inClear, 1);
  assert.deepEqual(setup.readiness.warnings(), [
    {
      part: "encryption",
      reason: 'traffic of pods is in clear to node "far" (it publishes no WireGuard key)',
    },
  ]);
});

test("run() reaches no node in clear where encryption is required, and drops what would go to one before any route", async () => {
  const setup = setUp("auto", REQUIRED);
  const order: string[] = [];
  setup.hear = (what) => order.push(what);
  setup.view = view(true, OWN, withKey(NEAR), FAR);
  await setup.run();
  assert.deepEqual(kinds(setup), []);
  assert.deepEqual(elementsOf(setup.rulesets.at(-1), "remote-pods4"), ["10.244.2.0/23"]);
  await published(setup, withKey(NEAR), FAR);
  assert.deepEqual(kinds(setup), [["10.244.2.0/24", "encrypted"]]);
  assert.deepEqual(order.slice(0, 2), ["ruleset", "routes"]);
  assert.match(
    setup.notes.join(),
    /node "far" cannot be reached at 10.244.3.0\/24: it publishes no WireGuard key, and encryption is required/,
  );
});

test("run() drops clear traffic of nodes that were routed to before a restart, until all nodes are known", async () => {
  const setup = setUp("auto", REQUIRED);
  setup.view = view(false, OWN);
  await setup.run(true);
  assert.deepEqual(elementsOf(setup.rulesets.at(-1), "remote-pods4"), ["10.244.77.0/24"]);
});

for (const { when, isComplete } of [
  { when: "before any node is known, as while the API server is away", isComplete: false },
  { when: "after a Node was deleted whose pods still run", isComplete: true },
])
  test(`run() drops clear traffic to all of the pods' space but this node's where encryption is required, ${when}`, async () => {
    const setup = setUp("auto", REQUIRED, [cidr("10.244.0.0/22")]);
    setup.view = view(isComplete, OWN);
    await setup.run(true);
    const guarded = elementsOf(setup.rulesets.at(-1), "remote-pods4") ?? [];
    for (const prefix of ["10.244.0.0/24", "10.244.2.0/23"]) assert.ok(guarded.includes(prefix), prefix);
  });

test("run() is not ready without WireGuard in the kernel, reaches nodes as before, and recovers with it", async () => {
  const setup = setUp("auto", WIREGUARD);
  setup.wireguard.isThere = false;
  setup.view = view(true, OWN, withKey(NEAR));
  await assert.rejects(
    setup.run(),
    /Linux \S+ has no module wireguard \(CONFIG_WIREGUARD\), which is needed for encryption/,
  );
  assert.match(
    setup.readiness.reasons().find(({ part }) => part === "encryption")?.reason ?? "",
    /has no module wireguard/,
  );
  assert.deepEqual(kinds(setup), [["10.244.2.0/24", "direct"]]);
  assert.deepEqual(setup.published, []);
  setup.wireguard.isThere = true;
  await published(setup, withKey(NEAR));
  assert.deepEqual(kinds(setup), [["10.244.2.0/24", "encrypted"]]);
  assert.ok(setup.readiness.reasons().every(({ part }) => part !== "encryption"));
});

test("run() is not ready while another program has the port, at the start and later, and recovers when it is free", async () => {
  const setup = setUp("auto", WIREGUARD);
  const reasons = () => setup.readiness.reasons().filter(({ part }) => part === "encryption");
  const refused = async (): Promise<void> => {
    setup.wireguard.isPortTaken = true;
    await assert.rejects(setup.run(true), /UDP port 51820 is in use/);
    assert.deepEqual(reasons(), [
      { part: "encryption", reason: 'Cannot use WireGuard device "cw-wg": UDP port 51820 is in use' },
    ]);
    setup.wireguard.isPortTaken = false;
  };
  setup.view = view(true, OWN, withKey(NEAR));
  await refused();
  assert.deepEqual(kinds(setup), [["10.244.2.0/24", "direct"]]);
  await published(setup, withKey(NEAR));
  assert.deepEqual([kinds(setup), reasons()], [[["10.244.2.0/24", "encrypted"]], []]);
  await refused();
  await setup.run();
  assert.deepEqual([kinds(setup), reasons()], [[["10.244.2.0/24", "encrypted"]], []]);
});

test("run() sends nothing without WireGuard in the kernel where encryption is required", async () => {
  const setup = setUp("auto", REQUIRED);
  setup.wireguard.isThere = false;
  setup.view = view(true, OWN, withKey(NEAR));
  await assert.rejects(setup.run(), /has no module wireguard/);
  assert.deepEqual(kinds(setup), []);
});

test("run() gives a node that claims another's PodCIDR nothing that the other has, whatever its key", async () => {
  const setup = setUp("auto", WIREGUARD);
  const thief = { ...withKey(FAR, fakeKey("thief")), createdMs: 9, podCIDRs: NEAR.podCIDRs };
  await published(setup, withKey(NEAR), thief);
  assert.deepEqual([...(device(setup)?.peers.keys() ?? [])], ["near"]);
});

test("run() follows a node that publishes another key every second by one peer, and keeps nothing of the others", async () => {
  const setup = setUp("auto", WIREGUARD);
  await published(setup, withKey(NEAR), withKey(FAR));
  const before = device(setup)?.peers.get("near");
  const timers = setup.clock.pending();
  for (let second = 0; second < 100; second++) {
    await setup.clock.advance(1000);
    const far = withKey(FAR, fakeKey(`far ${second}`));
    const next = { publicKey: fakeKey(`next ${second}`), port: 51_821 };
    const key = { publicKey: fakeKey(`far ${second}`), port: 51_820, ...(second % 2 && { next }) };
    setup.view = view(true, withKey(OWN, ownKey(setup)), withKey(NEAR), { ...far, wireguard: key });
    await setup.run();
  }
  setup.view = view(true, withKey(OWN, ownKey(setup)), withKey(NEAR), withKey(FAR));
  await setup.run();
  await setup.clock.advance(2000);
  assert.deepEqual([...(device(setup)?.peers.keys() ?? [])], ["far", "near"]);
  assert.equal(device(setup)?.peers.get("near"), before);
  assert.deepEqual([setup.repairs, setup.refusals, setup.notes.length], [[], [], 1]);
  assert.equal(setup.clock.pending(), timers);
});

for (const address of [
  "0.0.0.0",
  "255.255.255.255",
  "127.0.0.1",
  "224.0.0.1",
  "::",
  "::1",
  "fe80::1",
  "ff02::1",
])
  test(`run() calls no node at ${address}, whatever its key`, async () => {
    const setup = setUp("auto", WIREGUARD);
    await published(setup, withKey(NEAR), { ...withKey(FAR), addresses: [address] });
    assert.deepEqual([...(device(setup)?.peers.keys() ?? [])], ["near"]);
    assert.match(setup.refusals.join(), new RegExp(`address ${address} of node "far" is refused`));
  });

test("run() refuses a key that an older node has, and says so", async () => {
  const setup = setUp("auto", WIREGUARD);
  await published(setup, withKey(NEAR), { ...withKey(FAR, fakeKey("near")), createdMs: 9 });
  assert.match(setup.refusals.join(), /WireGuard key of node "far" is refused: it belongs to node "near"/);
  assert.equal(setup.counts().refused.wireguard_key, 1);
});

test("run() keeps the peers of before a restart until all nodes are known", async () => {
  const setup = setUp("auto", WIREGUARD);
  await published(setup, withKey(NEAR));
  setup.view = view(false, withKey(OWN, ownKey(setup)));
  await setup.run();
  assert.deepEqual([...(device(setup)?.peers.keys() ?? [])], ["near"]);
  setup.view = view(true, withKey(OWN, ownKey(setup)));
  await setup.run();
  assert.deepEqual([...(device(setup)?.peers.keys() ?? [])], []);
});

test("run() keeps the device of before it was told to encrypt nothing, until no node can use its key", async () => {
  const setup = setUp("auto");
  await setup.wireguard.ensureDevice({ name: "cw-wg", mtu: 1440, port: 51_820, addresses: [] });
  setup.view = view(true, withKey(OWN), withKey(NEAR));
  await setup.run();
  assert.deepEqual([setup.published, setup.wireguard.devices.size], [[undefined], 1]);
  setup.view = view(true, OWN, withKey(NEAR));
  await setup.run();
  assert.equal(setup.wireguard.devices.size, 0);
});

for (const { published: what, next } of [
  { published: "its key", next: undefined },
  {
    published: "an older key and its own as the next one, as an agent leaves it that is killed in a rotation",
    next: true,
  },
])
  test(`run() that is told to encrypt nothing encrypts as long as its Node has ${what}, and then leaves no device`, async () => {
    const setup = setUp("auto");
    for (const [name, port] of [
      ["cw-wg", 51_820],
      ["cw-wg2", 51_821],
    ] as const)
      await setup.wireguard.ensureDevice({ name, mtu: 1440, port, addresses: [] });
    const inUse = { publicKey: ownKey(setup), port: 51_820 };
    const keys = next === undefined ? inUse : { publicKey: fakeKey("old"), port: 51_820, next: inUse };
    setup.view = view(true, { ...OWN, wireguard: keys }, withKey(NEAR));
    await setup.run();
    assert.deepEqual(kinds(setup), [["10.244.2.0/24", "encrypted"]]);
    assert.deepEqual([...(device(setup)?.peers.keys() ?? [])], ["near"]);
    assert.deepEqual(setup.published, [undefined], "the key is withdrawn, and no other published");
    assert.equal(setup.keys.report(), undefined);
    setup.view = view(true, OWN, withKey(NEAR));
    await setup.run();
    assert.deepEqual(kinds(setup), [["10.244.2.0/24", "direct"]]);
    assert.equal(setup.wireguard.devices.size, 0);
    await setup.run(true);
    assert.deepEqual([setup.wireguard.devices.size, setup.readiness.warnings()], [0, []]);
    assert.equal(setup.clock.pending(), 0, "nothing is looked at any more");
  });

for (const count of [1000, 5000]) {
  test(`run() among ${count} nodes hands the kernel one new peer when one node changes, and the same object for all others`, async () => {
    const setup = setUp("auto", WIREGUARD);
    const others = Array.from({ length: count }, (_, index) => {
      const [high, low] = [index >> 8, index & 255];
      return withKey(node(`n${index}`, `192.0.2.${2 + (index % 200)}`, `10.${100 + high}.${low}.0/24`));
    });
    await published(setup, ...others);
    const before = device(setup)?.peers ?? new Map();
    const changed = async (...nodes: readonly ClusterMember[]): Promise<readonly string[]> => {
      setup.view = view(true, withKey(OWN, ownKey(setup)), ...nodes);
      await setup.run(true);
      const after = [...(device(setup)?.peers ?? [])];
      assert.equal(after.length, count);
      return after.filter(([name, peer]) => before.get(name) !== peer).map(([name]) => name);
    };
    assert.deepEqual(await changed(...others), []);
    const [first, ...rest] = others;
    assert.ok(first !== undefined);
    assert.deepEqual(await changed(withKey(first, fakeKey("another")), ...rest), ["n0"]);
  });
}

test("a node that answered, and whose port was blocked after that, is named until it answers again", async () => {
  const setup = setUp("auto", WIREGUARD);
  await published(setup, withKey(NEAR));
  const { handshakes = new Map(), sentBytes = new Map() } = device(setup) ?? {};
  const key = fakeKey("near");
  const unanswered = (): readonly string[] =>
    setup.keys.sessions.unanswered().map(({ peer }) => peer.publicKey);
  handshakes.set(key, { seconds: 1 });
  sentBytes.set(key, 1000);
  await setup.clock.advance(300_000);
  assert.deepEqual([unanswered(), setup.problems()], [[], []]);
  sentBytes.set(key, 1148);
  await setup.clock.advance(60_000);
  assert.deepEqual(unanswered(), [key]);
  assert.match(
    setup.problems()[0] ?? "",
    /^node "near" at 192\.0\.2\.11, UDP port 51820 has answered no handshake/,
  );
  handshakes.set(key, { seconds: 361 });
  await setup.clock.advance(30_000);
  assert.deepEqual([unanswered(), setup.problems()], [[], []]);
});
