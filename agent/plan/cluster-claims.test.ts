import assert from "node:assert/strict";
import { test } from "node:test";
import { type ClusterMember, settleClaims } from "./cluster-claims.ts";

function node(name: string, createdMs: number, ...podCIDRs: readonly string[]): ClusterMember {
  return { name, createdMs, addresses: [], podCIDRs };
}

/** Prefix and owner of all claims that count. */
function owners(nodes: readonly ClusterMember[], own?: ClusterMember): Record<string, string> {
  const { claims } = settleClaims(nodes, own);
  return Object.fromEntries([...claims].map(([key, claim]) => [key, claim.node.name]));
}

test("settleClaims() gives every node its own prefixes, without a word", () => {
  const nodes = [node("a", 1, "10.1.0.0/24", "fd00:1::/64"), node("b", 2, "10.1.1.0/24")];
  assert.deepEqual(owners(nodes), { "10.1.0.0/24": "a", "fd00:1::/64": "a", "10.1.1.0/24": "b" });
  assert.deepEqual(settleClaims(nodes, undefined).conflicts, []);
});

for (const { name, order } of [
  { name: "the old node is listed first", order: (nodes: readonly ClusterMember[]) => nodes },
  { name: "the new node is listed first", order: (nodes: readonly ClusterMember[]) => nodes.toReversed() },
]) {
  test(`settleClaims() gives a prefix that moved to the newer node while the old Node is still there: ${name}`, () => {
    const nodes = order([node("old", 1, "10.1.0.0/24", "10.2.0.0/24"), node("new", 2, "10.1.0.0/24")]);
    assert.deepEqual(
      Object.entries(owners(nodes)).toSorted(([a], [b]) => a.localeCompare(b)),
      [
        ["10.1.0.0/24", "new"],
        ["10.2.0.0/24", "old"],
      ],
    );
    assert.deepEqual(settleClaims(nodes, undefined).conflicts, [
      'node "old" claims 10.1.0.0/24, which belongs to node "new"',
    ]);
  });

  test(`settleClaims() lets the newer of two nodes have prefixes of which one holds the other: ${name}`, () => {
    const nodes = order([node("old", 1, "10.1.0.0/16"), node("new", 2, "10.1.7.0/24")]);
    assert.deepEqual(owners(nodes), { "10.1.7.0/24": "new" });
    assert.deepEqual(settleClaims(nodes, undefined).conflicts, [
      'node "old" claims 10.1.0.0/16, which belongs to node "new" as part of 10.1.7.0/24',
    ]);
  });
}

test("settleClaims() never gives this node's prefix away: its pods live there", () => {
  const own = node("own", 1, "10.1.0.0/24");
  assert.deepEqual(owners([own, node("thief", 2, "10.1.0.0/24")], own), { "10.1.0.0/24": "own" });
});

test("settleClaims() decides by name between nodes of one moment, so that all nodes decide alike", () => {
  const nodes = [node("b", 1, "10.1.0.0/24"), node("a", 1, "10.1.0.0/24")];
  assert.deepEqual(owners(nodes), { "10.1.0.0/24": "b" });
  assert.deepEqual(owners(nodes.toReversed()), { "10.1.0.0/24": "b" });
});

test("settleClaims() settles three nodes that claim prefixes inside each other", () => {
  const nodes = [node("a", 1, "10.0.0.0/8"), node("b", 3, "10.1.0.0/16"), node("c", 2, "10.1.1.0/24")];
  assert.deepEqual(owners(nodes), { "10.1.0.0/16": "b" });
});
