import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeKey } from "../../testing/cluster/fake-wireguard.ts";
import type { ClusterMember, PublishedKey } from "../peers/claim.ts";
import { judgeKeys } from "./judge-keys.ts";

const OWN_KEY = fakeKey("own");

function node(name: string, createdMs: number, wireguard?: PublishedKey | string): ClusterMember {
  const key = typeof wireguard === "string" ? { publicKey: wireguard, port: 51_820 } : wireguard;
  return { name, createdMs, addresses: [], podCIDRs: [], wireguard: key };
}

const OWN = node("own", 5, OWN_KEY);

function judge(
  nodes: readonly ClusterMember[],
  own: { publicKey: string } | { fault: string } = { publicKey: OWN_KEY },
) {
  const { keyOf, fault, refusals } = judgeKeys({ nodeName: "own", own, nodes });
  return {
    fault,
    keys: nodes.filter(({ name }) => name !== "own").map((member) => keyOf(member)),
    refusals: refusals.map(({ reason, text }) => `${reason}: ${text}`),
  };
}

test("judgeKeys() takes the key that each node publishes, as the same object", () => {
  const a = node("a", 1, fakeKey("a"));
  const { keyOf } = judgeKeys({ nodeName: "own", own: { publicKey: OWN_KEY }, nodes: [OWN, a] });
  assert.equal(keyOf(a), a.wireguard);
});

test("judgeKeys() has no key of a node that publishes none", () => {
  assert.deepEqual(judge([OWN, node("a", 1)]).keys, ["it publishes no WireGuard key"]);
});

test("judgeKeys() refuses a key that is none, that an older node has, or that is this node's own", () => {
  const nodes = [
    OWN,
    node("old", 1, fakeKey("shared")),
    node("thief", 2, fakeKey("shared")),
    node("copy", 1, OWN_KEY),
    node("odd", 3, { fault: 'publicKey "x" is not 32 bytes in base64' }),
  ];
  assert.deepEqual(judge(nodes), {
    fault: undefined,
    keys: [
      { publicKey: fakeKey("shared"), port: 51_820 },
      'its WireGuard key is refused: it belongs to node "old"',
      'its WireGuard key is refused: it belongs to node "own"',
      'its WireGuard key is refused: publicKey "x" is not 32 bytes in base64',
    ],
    refusals: [
      'wireguard_key: WireGuard key of node "copy" is refused: it belongs to node "own"',
      'wireguard_key: WireGuard key of node "thief" is refused: it belongs to node "old"',
      'wireguard_key: WireGuard key of node "odd" is refused: publicKey "x" is not 32 bytes in base64',
    ],
  });
});

test("judgeKeys() decides between nodes of one moment by their names, in whatever order they come", () => {
  const [a, b] = [node("a", 1, fakeKey("shared")), node("b", 1, fakeKey("shared"))];
  for (const nodes of [
    [OWN, a, b],
    [OWN, b, a],
  ]) {
    const { keyOf } = judgeKeys({ nodeName: "own", own: { publicKey: OWN_KEY }, nodes });
    assert.deepEqual([keyOf(a), typeof keyOf(b)], [a.wireguard, "string"]);
  }
});

test("judgeKeys() says that nothing is sent encrypted before others know this node's own: they would drop what is encrypted with it", () => {
  const a = node("a", 1, fakeKey("a"));
  for (const own of [node("own", 5), node("own", 5, fakeKey("of before the reboot"))])
    assert.equal(judge([own, a]).fault, "this node's WireGuard key is not published yet");
  assert.equal(judge([a], { fault: "this kernel has no WireGuard" }).fault, "this kernel has no WireGuard");
  assert.equal(judge([OWN, a]).fault, undefined);
});
