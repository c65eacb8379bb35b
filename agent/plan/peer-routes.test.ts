import assert from "node:assert/strict";
import { test } from "node:test";
import { rangeOf } from "../net/address-range.ts";
import { type Cidr, parseCidr } from "../net/cidr.ts";
import { macOf } from "../net/mac.ts";
import type { Claim } from "./cluster-claims.ts";
import { createPeerPlanner, type OverlayMode, type PeerPlan } from "./peer-routes.ts";
import { sortSubnets } from "./underlay.ts";

function cidr(text: string): Cidr {
  return parseCidr(text) ?? assert.fail(text);
}

function claim(prefix: string, ...addresses: readonly string[]): Claim {
  return {
    key: prefix,
    cidr: cidr(prefix),
    range: rangeOf(cidr(prefix)),
    node: { name: "peer", createdMs: 1, addresses, podCIDRs: [prefix] },
  };
}

const ownAddresses = ["192.0.2.10", "2001:db8:2::10"];
const ownGateways = ["10.244.1.1", "fd00:1::1"];
const underlay = {
  subnets: sortSubnets([
    { cidr: cidr("192.0.2.0/24"), linkIndex: 2 },
    { cidr: cidr("192.0.2.128/25"), linkIndex: 3 },
    { cidr: cidr("2001:db8:2::/64"), linkIndex: 2 },
    { cidr: cidr("198.51.100.1/32"), linkIndex: 4 },
  ]),
  addresses: new Map(ownAddresses.map((address) => [address, 1500])),
};

interface Setting {
  readonly overlay?: OverlayMode;
  readonly own?: readonly string[];
  /** The node's links are down. */
  readonly isOff?: boolean;
}

function plan(
  target: Claim,
  { overlay = "auto", own = ownAddresses, isOff = false }: Setting = {},
): PeerPlan {
  const off = { subnets: [], addresses: new Map<string, number>() };
  const input = { overlay, ownAddresses: own, ownGateways, underlay: isOff ? off : underlay };
  return createPeerPlanner(input)(target);
}

test("createPeerPlanner() routes straight to a node on a subnet of this node, in the family of its prefix", () => {
  const addresses = ["192.0.2.11", "2001:db8:2::11"];
  const v4 = claim("10.244.2.0/24", ...addresses);
  assert.deepEqual(plan(v4), {
    kind: "direct",
    destination: v4.cidr,
    gateway: "192.0.2.11",
    linkIndex: 2,
  });
  const v6 = claim("fd00:2::/64", ...addresses);
  assert.deepEqual(plan(v6), {
    kind: "direct",
    destination: v6.cidr,
    gateway: "2001:db8:2::11",
    linkIndex: 2,
  });
});

test("createPeerPlanner() takes the most specific subnet, as the kernel would", () => {
  const found = plan(claim("10.244.2.0/24", "192.0.2.200"));
  assert.equal(found.kind === "direct" && found.linkIndex, 3);
});

test("createPeerPlanner() takes no host prefix for a subnet: nobody else is on it", () => {
  assert.equal(plan(claim("10.244.2.0/24", "198.51.100.1")).kind, "overlay");
});

for (const { name, addresses, setting, underlayFamily, remote } of [
  {
    name: "a node behind a router",
    addresses: ["203.0.113.7"],
    setting: {},
    underlayFamily: 4,
    remote: "203.0.113.7",
  },
  {
    name: "everybody when told to",
    addresses: ["192.0.2.11"],
    setting: { overlay: "always" as const },
    underlayFamily: 4,
    remote: "192.0.2.11",
  },
  {
    name: "a node that has IPv6 only",
    addresses: ["2001:db8:9::7"],
    setting: {},
    underlayFamily: 6,
    remote: "2001:db8:9::7",
  },
  {
    name: "a dual-stack node from one that has IPv6 only",
    addresses: ["203.0.113.7", "2001:db8:9::7"],
    setting: { own: ["2001:db8:2::10"] },
    underlayFamily: 6,
    remote: "2001:db8:9::7",
  },
] as const) {
  test(`createPeerPlanner() uses the overlay to ${name}`, () => {
    const target = claim("10.244.2.0/24", ...addresses);
    assert.deepEqual(plan(target, setting), {
      kind: "overlay",
      destination: target.cidr,
      source: "10.244.1.1",
      gateway: "10.244.2.1",
      underlay: underlayFamily,
      remote,
      mac: macOf(remote),
    });
  });
}

for (const { name, target, setting, kind, reason } of [
  {
    name: "an address off its subnets, with the overlay off",
    target: claim("10.244.2.0/24", "203.0.113.7"),
    setting: { overlay: "never" as const },
    kind: "unreachable",
    reason: "its address 203.0.113.7 is on no subnet of this node, and the overlay is off",
  },
  {
    name: "no address of the prefix's family, with the overlay off",
    target: claim("10.244.2.0/24", "2001:db8:2::11"),
    setting: { overlay: "never" as const },
    kind: "unreachable",
    reason: "it has no IPv4 address, and the overlay is off",
  },
  {
    name: "no address at all",
    target: claim("10.244.2.0/24"),
    setting: {},
    kind: "unreachable",
    reason: "it shares no address family with this node (it has none)",
  },
  {
    name: "only the other family",
    target: claim("10.244.2.0/24", "2001:db8:9::7"),
    setting: { own: ["192.0.2.10"] },
    kind: "unreachable",
    reason: "it shares no address family with this node (it has 2001:db8:9::7)",
  },
  {
    name: "its own link down: nothing is taken for obsolete",
    target: claim("10.244.2.0/24", "203.0.113.7"),
    setting: { isOff: true },
    kind: "held",
    reason: "this node's address 192.0.2.10 is on no link that is up",
  },
  {
    name: "its own link down and the overlay off",
    target: claim("10.244.2.0/24", "192.0.2.11"),
    setting: { overlay: "never" as const, isOff: true },
    kind: "held",
    reason: "this node's address 192.0.2.10 is on no link that is up",
  },
] as const) {
  test(`createPeerPlanner() says why there is no way: ${name}`, () => {
    assert.deepEqual(plan(target, setting), { kind, reason });
  });
}

test("createPeerPlanner() gives the same object for the same claim: 5,000 of them need no second look", () => {
  const planner = createPeerPlanner({ overlay: "auto", ownAddresses, ownGateways, underlay });
  const target = claim("10.244.2.0/24", "192.0.2.11");
  assert.equal(planner(target), planner(target));
});
