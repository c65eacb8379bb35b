import assert from "node:assert/strict";
import { test } from "node:test";
import type { WireGuardEndpoint, WireGuardPeerPlan } from "../../plan/encryption/wireguard.ts";
import { cidr } from "../../testing/cidr.ts";
import { diffPeers, type PeersDiffInput, type SeenPeer } from "./diff-peers.ts";

const NOW = 1_800_000_000;
const endpoint = { address: "192.0.2.2", port: 51_820 };
const elsewhere = { address: "192.0.2.9", port: 51_820 };
const b: WireGuardPeerPlan = {
  publicKey: "B",
  endpoint,
  allowedIps: [cidr("10.244.2.0/24"), cidr("fd00:2::/64")],
};
const c: WireGuardPeerPlan = { publicKey: "C", endpoint, allowedIps: [cidr("10.244.3.0/24")] };

/** As the kernel tells it: prefixes in any order. */
function told(peer: WireGuardPeerPlan, lastHandshake = 0): SeenPeer {
  const allowedIps = peer.allowedIps.toReversed();
  return { ...peer, allowedIps, lastHandshake, receivedBytes: 0, sentBytes: 0 };
}

interface Case {
  readonly name: string;
  readonly planned?: readonly (readonly [string, WireGuardPeerPlan])[];
  readonly seen: readonly SeenPeer[];
  readonly given?: WireGuardEndpoint;
  readonly prune?: boolean;
  readonly callsNew?: boolean;
  readonly want: ReturnType<typeof diffPeers>;
}

const nothing = { changes: [], faults: [] };

const cases: readonly Case[] = [
  {
    name: "sends all of a peer that is not there",
    seen: [],
    want: {
      changes: [{ ...b, replaceAllowedIps: true }],
      faults: ['WireGuard device "cw-wg" lacks peer "node-b"'],
    },
  },
  {
    name: "calls a peer that comes, where others know this node's key, and none that was there",
    planned: [
      ["node-b", b],
      ["node-c", c],
    ],
    seen: [told(c)],
    callsNew: true,
    want: {
      changes: [{ ...b, replaceAllowedIps: true, calls: true }],
      faults: ['WireGuard device "cw-wg" lacks peer "node-b"'],
    },
  },
  {
    name: "sends nothing of a peer that is as planned, its prefixes in another order",
    seen: [told(b)],
    want: nothing,
  },
  {
    name: "adds a prefix without taking the others away",
    seen: [told({ ...b, allowedIps: [cidr("fd00:2::/64")] })],
    want: {
      changes: [{ publicKey: "B", allowedIps: [cidr("10.244.2.0/24")] }],
      faults: ['peer "node-b" of WireGuard device "cw-wg" has an unexpected set of prefixes'],
    },
  },
  {
    name: "replaces prefixes when one is too many",
    seen: [told({ ...b, allowedIps: [...b.allowedIps, cidr("0.0.0.0/0")] })],
    want: {
      changes: [{ publicKey: "B", replaceAllowedIps: true, allowedIps: b.allowedIps }],
      faults: ['peer "node-b" of WireGuard device "cw-wg" has an unexpected set of prefixes'],
    },
  },
  {
    name: "takes away what somebody has added, which would end the session or tell that it is idle",
    seen: [{ ...told(b, NOW - 10), extras: ["preshared key", "keepalive"] }],
    want: {
      changes: [{ publicKey: "B", allowedIps: [], clearsExtras: true }],
      faults: ['peer "node-b" of WireGuard device "cw-wg" has an unexpected preshared key, keepalive'],
    },
  },
  {
    name: "moves an endpoint that the plan has moved, session or not",
    seen: [told({ ...b, endpoint: elsewhere }, NOW - 10)],
    given: elsewhere,
    want: {
      changes: [{ publicKey: "B", endpoint, allowedIps: [] }],
      faults: ['peer "node-b" of WireGuard device "cw-wg" has an unexpected endpoint'],
    },
  },
  {
    name: "leaves a peer with a session at the endpoint that it has moved to itself",
    seen: [told({ ...b, endpoint: elsewhere }, NOW - 179)],
    given: endpoint,
    want: nothing,
  },
  {
    name: "puts an endpoint back when the session is over",
    seen: [told({ ...b, endpoint: elsewhere }, NOW - 181)],
    given: endpoint,
    want: {
      changes: [{ publicKey: "B", endpoint, allowedIps: [] }],
      faults: ['peer "node-b" of WireGuard device "cw-wg" has an unexpected endpoint'],
    },
  },
  {
    name: "sends a node's new key before it removes the old one, so that its prefixes always have a peer",
    planned: [["node-b", { ...b, publicKey: "B2" }]],
    seen: [told(b)],
    want: {
      changes: [
        { ...b, publicKey: "B2", replaceAllowedIps: true },
        { publicKey: "B", remove: true },
      ],
      faults: [
        'WireGuard device "cw-wg" lacks peer "node-b"',
        'WireGuard device "cw-wg" has unexpected peer B',
      ],
    },
  },
  {
    name: "keeps a peer that is not planned until all nodes are known",
    seen: [b, told(c)],
    prune: false,
    want: nothing,
  },
];

const onlyB: Case["planned"] = [["node-b", b]];

for (const { name, planned = onlyB, seen, given, prune = true, callsNew = false, want } of cases) {
  test(`diffPeers() ${name}`, () => {
    const input: PeersDiffInput = {
      name: "cw-wg",
      planned: new Map(planned),
      seen: new Map(seen.map((peer) => [peer.publicKey, peer])),
      given: new Map(given === undefined ? [] : [["B", { endpoint: given }]]),
      prune,
      callsNew,
      nowSeconds: NOW,
    };
    assert.deepEqual(diffPeers(input), want);
  });
}

for (const count of [1000, 5000]) {
  test(`diffPeers() looks at the one of ${count} peers that is another object, and at no prefix of the others`, () => {
    const looked: string[] = [];
    const watched = (publicKey: string, prefix: string): WireGuardPeerPlan => ({
      publicKey,
      endpoint,
      get allowedIps() {
        looked.push(publicKey);
        return [cidr(prefix)];
      },
    });
    const planned = new Map(
      Array.from({ length: count }, (_, index) => [
        `node-${index}`,
        watched(`key ${index}`, "10.244.2.0/24"),
      ]),
    );
    const seen = new Map([...planned.values()].map((peer) => [peer.publicKey, peer]));
    const input = { name: "cw-wg", seen, given: new Map(), prune: true, callsNew: true, nowSeconds: NOW };
    assert.deepEqual(diffPeers({ ...input, planned }), nothing);
    assert.deepEqual(looked, []);
    planned.set("node-7", watched("key 7", "10.244.3.0/24"));
    assert.equal(diffPeers({ ...input, planned }).changes.length, 1);
    assert.deepEqual([...new Set(looked)], ["key 7"]);
  });
}
