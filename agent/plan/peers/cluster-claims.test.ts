import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cidr, cidrContains } from "../../net/cidr.ts";
import { createClaimSettler, type SettlerInput } from "./cluster-claims.ts";
import type { ClusterMember } from "./claim.ts";
import { NO_SURROUNDINGS, type Surroundings } from "../node/surroundings.ts";
import { cidr } from "../../testing/cidr.ts";

function node(name: string, createdMs: number, ...podCIDRs: readonly string[]): ClusterMember {
  return { name, createdMs, addresses: [], podCIDRs };
}

function settler(input: Partial<SettlerInput> = {}) {
  return createClaimSettler({
    nodeName: "own",
    clusterCIDRs: [],
    surroundings: NO_SURROUNDINGS,
    ...input,
  }).settle;
}

/** Prefix and owner of all claims that count, and why others do not. */
function settle(nodes: readonly ClusterMember[], input: Partial<SettlerInput> = {}) {
  const { claims, refusals } = settler(input)(nodes);
  return {
    owners: Object.fromEntries([...claims].map(([key, claim]) => [key, claim.node.name])),
    refusals: refusals.map(({ text }) => text),
    reasons: refusals.map(({ reason }) => reason),
  };
}

test("createClaimSettler() gives every node its own prefixes, without a word", () => {
  const nodes = [node("a", 1, "10.1.0.0/24", "fd00:1::/64"), node("b", 2, "10.1.1.0/24")];
  assert.deepEqual(settle(nodes), {
    owners: { "10.1.0.0/24": "a", "fd00:1::/64": "a", "10.1.1.0/24": "b" },
    refusals: [],
    reasons: [],
  });
});

const ORDERS = [
  { name: "the old node is listed first", order: (nodes: readonly ClusterMember[]) => nodes },
  { name: "the new node is listed first", order: (nodes: readonly ClusterMember[]) => nodes.toReversed() },
];

for (const { what, thief, text } of [
  { what: "the same prefix", thief: "10.1.0.0/24", text: "which belongs to node" },
  { what: "a part of it", thief: "10.1.0.128/25", text: "which belongs to node .* as part of 10.1.0.0/24" },
  { what: "a wider one", thief: "10.1.0.0/16", text: "of which 10.1.0.0/24 belongs to node" },
  { what: "the same IPv6 prefix", thief: "fd00:1::/64", text: "which belongs to node" },
  {
    what: "a part of the IPv6 prefix",
    thief: "fd00:1::8000:0/112",
    text: "which belongs to node .* as part of fd00:1::/64",
  },
  { what: "a wider IPv6 prefix", thief: "fd00::/16", text: "of which fd00:1::/64 belongs to node" },
]) {
  for (const { name, order } of ORDERS) {
    test(`a newer Node takes ${what} from no incumbent: ${name}`, () => {
      const incumbent = node("z-incumbent", 1, "10.1.0.0/24", "fd00:1::/64");
      const nodes = order([incumbent, node("a-thief", 2, thief)]);
      const { owners, refusals, reasons } = settle(nodes);
      assert.deepEqual(owners, { "10.1.0.0/24": "z-incumbent", "fd00:1::/64": "z-incumbent" });
      assert.match(refusals.join(), new RegExp(`node "a-thief" claims ${thief}, ${text}`));
      assert.deepEqual(reasons, ["conflict"]);
    });
  }
}

test("createClaimSettler() decides by name between Nodes of one moment, so that all nodes decide alike", () => {
  const nodes = [node("b", 1, "10.1.0.0/24"), node("a", 1, "10.1.0.0/24")];
  assert.deepEqual(settle(nodes).owners, { "10.1.0.0/24": "a" });
  assert.deepEqual(settle(nodes.toReversed()).owners, { "10.1.0.0/24": "a" });
});

test("createClaimSettler() judges this node as all others: every node comes to the same", () => {
  const nodes = [node("own", 2, "10.1.0.0/24"), node("older", 1, "10.1.0.0/24")];
  for (const nodeName of ["own", "older", "third"])
    assert.deepEqual(settle(nodes, { nodeName }).owners, { "10.1.0.0/24": "older" });
});

test("createClaimSettler() gives the prefix to the next in age once the incumbent's Node is gone", () => {
  const run = settler();
  const [first, second, third] = [
    node("a", 1, "10.0.0.0/8"),
    node("b", 3, "10.1.0.0/16"),
    node("c", 2, "10.1.1.0/24"),
  ];
  const owners = (...nodes: readonly ClusterMember[]) =>
    [...run(nodes).claims].map(([key, claim]) => `${key} ${claim.node.name}`);
  assert.deepEqual(owners(first, second, third), ["10.0.0.0/8 a"]);
  assert.deepEqual(owners(second, third), ["10.1.1.0/24 c"]);
  assert.deepEqual(owners(second), ["10.1.0.0/16 b"]);
  assert.deepEqual(owners(second, third), ["10.1.1.0/24 c"]);
});

/**
 * A machine at 192.0.2.10/24 behind the router 192.0.2.1, with a second network, a router without a prefix,
 * and IPv6.
 */
const MACHINE: Surroundings = {
  addresses: [
    { address: "192.0.2.10", role: "this_node" },
    { address: "2001:db8::10", role: "this_node" },
    { address: "198.51.100.1", role: "gateway" },
    { address: "2001:db8:ffff::1", role: "gateway" },
    { address: "203.0.113.53", role: "dns_server" },
    { address: "203.0.113.6", role: "api_server" },
  ],
  connected: [
    { cidr: cidr("192.0.2.0/24"), link: "eth0" },
    { cidr: cidr("2001:db8::/64"), link: "eth0" },
    { cidr: cidr("172.20.0.0/16"), link: "eth1" },
  ],
};

for (const { what, prefixes, reason } of [
  { what: "the world in two halves", prefixes: ["128.0.0.0/1", "::/1", "8000::/1"], reason: "too_wide" },
  { what: "a quarter of IPv6", prefixes: ["2000::/3", "fd00::/15"], reason: "too_wide" },
  {
    what: "the cloud's metadata server",
    prefixes: ["169.254.169.252/30", "169.254.0.0/16"],
    reason: "reserved",
  },
  { what: "one server's address", prefixes: ["203.0.113.9/32", "2001:db8:9::1/128"], reason: "too_narrow" },
  { what: "loopback", prefixes: ["127.0.0.0/8", "127.5.0.0/24", "::/64", "::/112"], reason: "reserved" },
  { what: "multicast", prefixes: ["224.0.0.0/24", "239.0.0.0/8", "ff00::/16"], reason: "reserved" },
  {
    what: "NAT64",
    prefixes: ["64:ff9b::/96", "64:ff9b::808:808/125", "64:ff9b::/64", "64:ff9b:1::/48", "64:ff9b:1::/96"],
    reason: "reserved",
  },
  { what: "IPv4 in IPv6", prefixes: ["::fffe:0:0/95", "::ff00:0:0/88", "::/80"], reason: "reserved" },
  { what: "link-local", prefixes: ["fe80::/16", "fe80::/64", "169.254.3.0/24"], reason: "reserved" },
  { what: "unspecified and broadcast", prefixes: ["0.0.0.0/8", "255.255.255.252/30"], reason: "reserved" },
  { what: "the node's router", prefixes: ["198.51.100.0/30", "2001:db8:ffff::/64"], reason: "gateway" },
  { what: "the DNS server", prefixes: ["203.0.113.48/28"], reason: "dns_server" },
  { what: "the API server", prefixes: ["203.0.113.4/30"], reason: "api_server" },
  {
    what: "halves of the uplink's LAN",
    prefixes: ["192.0.2.128/25", "192.0.2.64/26", "2001:db8:0:0:8000::/65"],
    reason: "connected",
  },
  { what: "a second network", prefixes: ["172.20.7.0/24", "172.16.0.0/12"], reason: "connected" },
]) {
  test(`a Node object takes nobody's traffic with a PodCIDR that is ${what}`, () => {
    for (const prefix of prefixes) {
      const { owners, reasons, refusals } = settle([node("hostile", 1, prefix)], { surroundings: MACHINE });
      assert.deepEqual(owners, {}, prefix);
      assert.deepEqual(reasons, [reason], refusals.join());
      assert.ok(refusals[0]?.startsWith(`PodCIDR ${prefix} of node "hostile" is refused: it `), refusals[0]);
      // The same on the node's own object.
      assert.deepEqual(settle([node("own", 1, prefix)], { surroundings: MACHINE }).reasons, [reason], prefix);
    }
  });
}

test("a Node object takes nobody's traffic with a PodCIDR that holds this node's own address", () => {
  const surroundings = { ...MACHINE, connected: [] };
  for (const prefix of ["192.0.2.8/30", "192.0.0.0/16", "2001:db8::/32"])
    assert.deepEqual(settle([node("hostile", 1, prefix)], { surroundings }).reasons, ["this_node"]);
});

function at(member: ClusterMember, ...addresses: readonly string[]): ClusterMember {
  return { ...member, addresses };
}

for (const { name, order } of ORDERS) {
  test(`a Node object takes nobody's traffic with a PodCIDR that holds another node's address: ${name}`, () => {
    const victim = at(node("victim", 1, "10.1.0.0/24"), "203.0.113.7", "2001:db8:7::7");
    const nodes = order([victim, node("hostile", 2, "203.0.113.0/24", "2001:db8:7::/64")]);
    const { owners, reasons } = settle(nodes);
    assert.deepEqual(owners, { "10.1.0.0/24": "victim" });
    assert.deepEqual(reasons, ["other_node", "other_node"]);
  });

  test(`a Node object takes no PodCIDR from an incumbent by an address in it: ${name}`, () => {
    const nodes = order([
      node("incumbent", 1, "10.1.0.0/24"),
      at(node("hostile", 2, "10.2.0.0/24"), "10.1.0.7", "192.0.2.7"),
    ]);
    const { claims, refusals } = settler()(nodes);
    assert.deepEqual([...claims.keys()].toSorted(), ["10.1.0.0/24", "10.2.0.0/24"]);
    assert.deepEqual(claims.get("10.2.0.0/24")?.node.addresses, ["192.0.2.7"]);
    assert.match(
      refusals.map(({ text }) => text).join(),
      /address 10.1.0.7 of node "hostile" is refused: it lies in 10.1.0.0\/24/,
    );
  });
}

test("a node whose own address lies in its PodCIDR cannot be reached there", () => {
  const { owners, reasons } = settle([at(node("a", 1, "10.1.0.0/24"), "10.1.0.1")]);
  assert.deepEqual({ owners, reasons }, { owners: {}, reasons: ["other_node"] });
});

for (const address of [
  "127.0.0.1",
  "127.8.0.1",
  "0.0.0.0",
  "224.0.0.1",
  "255.255.255.255",
  "::1",
  "::",
  "ff02::1",
  "fe80::1",
  "192.0.2.10",
  "2001:db8::10",
]) {
  test(`a Node object cannot have ${address} as its address`, () => {
    const nodes = [at(node("hostile", 1, "10.1.0.0/24"), address)];
    const { claims, refusals } = settler({ surroundings: MACHINE })(nodes);
    assert.deepEqual(claims.get("10.1.0.0/24")?.node.addresses, []);
    assert.deepEqual(
      refusals.map(({ reason }) => reason),
      ["node_address"],
    );
  });
}

test("this node keeps its own addresses, and so do neighbours on its networks", () => {
  const nodes = [
    at(node("own", 1, "10.1.0.0/24"), "192.0.2.10"),
    at(node("near", 1, "10.1.1.0/24"), "192.0.2.11"),
  ];
  const { claims, refusals } = settler({ surroundings: MACHINE })(nodes);
  assert.deepEqual(
    [...claims.values()].map((claim) => claim.node),
    nodes,
  );
  assert.deepEqual(refusals, []);
});

test("--cluster-cidr is the only space where PodCIDRs lie, however wide they are", () => {
  const clusterCIDRs = [cidr("10.0.0.0/8"), cidr("fc00::/7")];
  const input = { clusterCIDRs, surroundings: MACHINE };
  const nodes = [
    node("a", 1, "10.1.0.0/24"),
    node("b", 1, "fd00::/15"),
    node("c", 1, "203.0.113.128/25"),
    node("d", 1, "2001:db8:7::/64"),
  ];
  const { owners, reasons, refusals } = settle(nodes, input);
  assert.deepEqual(owners, { "10.1.0.0/24": "a", "fd00::/15": "b" });
  assert.deepEqual(reasons, ["outside_cluster_cidr", "outside_cluster_cidr"]);
  assert.match(refusals.join(), /203.0.113.128\/25 .*lies outside --cluster-cidr 10.0.0.0\/8, fc00::\/7/);
});

test("--cluster-cidr tells a connected prefix from which the pods' space was taken on purpose", () => {
  const surroundings: Surroundings = {
    addresses: [{ address: "10.0.0.1", role: "gateway" }],
    connected: [
      { cidr: cidr("10.0.0.0/8"), link: "eth0" },
      { cidr: cidr("10.244.128.0/24"), link: "eth1" },
    ],
  };
  const nodes = [node("a", 1, "10.244.1.0/24"), node("b", 1, "10.244.128.128/25")];
  assert.deepEqual(settle(nodes, { surroundings }).owners, {});
  const named = settle(nodes, { surroundings, clusterCIDRs: [cidr("10.244.0.0/16")] });
  assert.deepEqual(named.owners, { "10.244.1.0/24": "a" });
  assert.deepEqual(named.reasons, ["connected"]);
});

test("createClaimSettler() gives the same answer as long as all nodes are the same, and the same claims of those that are", () => {
  const run = settler();
  const [a, b] = [node("a", 1, "10.1.0.0/24"), node("b", 1, "10.1.1.0/24")];
  const hostile = at(node("c", 2, "10.1.2.0/24"), "10.1.0.7", "192.0.2.7");
  const first = run([a, b, hostile]);
  assert.equal(run([a, b, hostile]), first);
  const second = run([a, hostile]);
  assert.notEqual(second, first);
  for (const key of ["10.1.0.0/24", "10.1.2.0/24"])
    assert.equal(second.claims.get(key), first.claims.get(key));
});

/** What the words say, one pair at a time: who came first keeps what overlaps. */
function settleByPairs(nodes: readonly ClusterMember[]): string[] {
  const byAge = nodes.toSorted((a, b) => a.createdMs - b.createdMs || (a.name < b.name ? -1 : 1));
  const taken: { readonly cidr: Cidr; readonly isClaim: boolean }[] = [];
  const owners: string[] = [];
  const meets = (a: Cidr, b: Cidr): boolean => cidrContains(a, b.base) || cidrContains(b, a.base);
  for (const { name, addresses, podCIDRs } of byAge) {
    for (const address of addresses) {
      const single = { family: 4, base: address, prefixLength: 32 } as const;
      if (!taken.some((other) => other.isClaim && meets(other.cidr, single)))
        taken.push({ cidr: single, isClaim: false });
    }
    for (const key of podCIDRs) {
      if (taken.some((other) => meets(other.cidr, cidr(key)))) continue;
      taken.push({ cidr: cidr(key), isClaim: true });
      owners.push(`${key} ${name}`);
    }
  }
  return owners.toSorted();
}

test("createClaimSettler() comes to what a comparison of all pairs comes to, also after nodes have come and gone", () => {
  const prefix = fc
    .tuple(fc.integer({ min: 8, max: 30 }), fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 128))
    .map(([length, third, fourth]) => {
      const value = ((10 << 24) | (1 << 16) | (third << 8) | fourth) >>> 0;
      const base = length === 32 ? value : (value >>> (32 - length)) * 2 ** (32 - length);
      return `${base >>> 24}.${(base >>> 16) & 255}.${(base >>> 8) & 255}.${base & 255}/${length}`;
    });
  const member = fc.record({
    name: fc.constantFrom("a", "b", "c", "d", "e", "f", "g"),
    createdMs: fc.integer({ min: 1, max: 3 }),
    addresses: fc.array(
      fc.integer({ min: 0, max: 255 }).map((third) => `10.1.${third}.1`),
      { maxLength: 1 },
    ),
    podCIDRs: fc.array(prefix, { maxLength: 1 }),
  });
  const cluster = fc.uniqueArray(member, { selector: ({ name }) => name, maxLength: 7 });
  fc.assert(
    fc.property(cluster, fc.array(fc.integer({ min: 0, max: 127 }), { maxLength: 4 }), (nodes, choices) => {
      const run = settler();
      for (const choice of [127, ...choices]) {
        const present = nodes.filter((_, index) => (choice >> index) % 2 === 1);
        const owners = [...run(present).claims].map(([key, claim]) => `${key} ${claim.node.name}`);
        assert.deepEqual(owners.toSorted(), settleByPairs(present));
      }
    }),
  );
});
