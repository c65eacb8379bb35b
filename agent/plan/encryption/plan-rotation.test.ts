import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeKey } from "../peers/claim.ts";
import { encryptedRoute } from "../../testing/cluster/encrypted-route.ts";
import { fakeKey } from "../../testing/cluster/fake-wireguard.ts";
import { formatKeyAlias, parseKeyBirth } from "./key-birth.ts";
import { findSwitched, planNextPeers, createWireGuardPeerPlanner } from "./plan-peers.ts";
import { isTooOld, planRotation } from "./plan-rotation.ts";
import type { WireGuardPeerState, WireGuardState } from "./wireguard.ts";

const NOW = 1_800_000_000;
const NEXT: NodeKey = { publicKey: "next key of a", port: 51_821 };
const a = encryptedRoute("a", "10.244.2.0/24", ["192.0.2.11"], NEXT);
const b = encryptedRoute("b", "10.244.3.0/24", ["192.0.2.12"]);

function state(
  ...peers: readonly (readonly [key: string, handshake: number, port?: number])[]
): WireGuardState {
  return {
    publicKey: "own",
    port: 51_820,
    fwmark: 0,
    peers: peers.map(([publicKey, lastHandshake, port = 51_820]): WireGuardPeerState => {
      const endpoint = { address: "192.0.2.11", port };
      return { publicKey, endpoint, lastHandshake, allowedIps: [], receivedBytes: 0, sentBytes: 0 };
    }),
  };
}

test("a peer plan calls a node under its next key, and leaves it its prefixes under the one in use", () => {
  const peers = createWireGuardPeerPlanner()([a], new Set());
  assert.equal(peers.get("a")?.publicKey, "key of a");
  assert.deepEqual(peers.get("a (next key)"), {
    publicKey: "next key of a",
    endpoint: { address: "192.0.2.11", port: 51_821 },
    allowedIps: [],
    isCalled: true,
  });
});

test("a peer plan gives a node that uses its next key all that it had under the old one", () => {
  const [before] = createWireGuardPeerPlanner()([a], new Set()).values();
  assert.deepEqual(
    [...createWireGuardPeerPlanner()([a], new Set(["next key of a"]))],
    [["a", { ...before, publicKey: "next key of a" }]],
  );
});

for (const { name, seen, want } of [
  { name: "has none of a key that nobody has answered with", seen: state(["next key of a", 0]), want: [] },
  {
    name: "has none of a node that has only shown its next key",
    seen: state(["next key of a", NOW, 51_821]),
    want: [],
  },
  {
    name: "has the key of a node that sends from where it does not show it",
    seen: state(["next key of a", NOW, 51_820], ["key of b", NOW]),
    want: ["next key of a"],
  },
  { name: "has none without a device", seen: undefined, want: [] },
])
  test(`findSwitched() ${name}`, () => assert.deepEqual([...findSwitched([a, b], seen)], want));

test("planNextPeers() lets every node in under each of its keys, and takes nothing from any", () => {
  const peers = [...planNextPeers([a, b]).values()];
  assert.deepEqual(
    peers.map(({ publicKey, allowedIps, isCalled }) => [publicKey, allowedIps.length, isCalled]),
    [
      ["key of a", 0, undefined],
      ["next key of a", 0, undefined],
      ["key of b", 0, undefined],
    ],
  );
});

const HOUR = 3_600_000;

for (const { name, current = state(), next = state(), waitedMs = 0, waitingFor, isReady } of [
  {
    name: "waits for nodes that have not shown that they know the key",
    next: state(["key of a", NOW]),
    waitingFor: ["b"],
    isReady: false,
  },
  {
    name: "is ready when all have, a node that rotates itself under either key",
    next: state(["next key of a", NOW], ["key of b", NOW]),
    waitingFor: [],
    isReady: true,
  },
  {
    name: "waits a minute for nodes without a session, and no longer",
    next: state(["key of a", NOW]),
    waitedMs: 60_000,
    waitingFor: ["b"],
    isReady: true,
  },
  {
    name: "does not end a session with a node whose agent is away within an hour",
    current: state(["key of b", NOW - 10]),
    next: state(["key of a", NOW]),
    waitedMs: HOUR - 1,
    waitingFor: ["b"],
    isReady: false,
  },
  {
    name: "is over after an hour, whoever knows the key",
    current: state(["key of b", NOW - 10]),
    waitedMs: HOUR,
    waitingFor: ["a", "b"],
    isReady: true,
  },
])
  test(`planRotation() ${name}`, () => {
    const got = planRotation({ routes: [a, b], current, next, waitedMs, nowSeconds: NOW });
    assert.deepEqual(got, { nodes: 2, waitingFor, isReady });
  });

test("isTooOld() never replaces a key where that is not set, and spreads keys of one age over a tenth of it", () => {
  const dueMs = (publicKey: string): number => {
    let ageMs = 80 * HOUR;
    while (!isTooOld({ publicKey, ageMs, rotateAfterMs: 100 * HOUR })) ageMs += HOUR / 10;
    return ageMs;
  };
  const due = Array.from({ length: 50 }, (_, index) => dueMs(fakeKey(`key ${index}`)));
  assert.ok(Math.min(...due) >= 90 * HOUR && Math.max(...due) <= 100 * HOUR);
  assert.ok(Math.max(...due) - Math.min(...due) > 5 * HOUR);
  assert.equal(isTooOld({ publicKey: "key", ageMs: 1e12, rotateAfterMs: 0 }), false);
});

test("parseKeyBirth() reads what formatKeyAlias() writes, and nothing of another key or another alias", () => {
  const alias = formatKeyAlias("causeway wireguard", "abcdefghijklmnop=", 1234.5);
  assert.equal(alias, "causeway wireguard abcdefghijkl 1234");
  assert.equal(parseKeyBirth(alias, "abcdefghijklmnop="), 1234);
  assert.equal(parseKeyBirth(alias, "bbcdefghijklmnop="), undefined);
  for (const other of [undefined, "causeway wireguard", "", "causeway wireguard abcdefghijkl x"])
    assert.equal(parseKeyBirth(other, "abcdefghijklmnop="), undefined);
});
