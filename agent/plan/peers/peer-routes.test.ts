import assert from "node:assert/strict";
import { test } from "node:test";
import { rangeOf } from "../../net/address-range.ts";
import type { Claim } from "./claim.ts";
import { createPeerPlanner, encryptedGateway, type OverlayMode, type PeerPlan } from "./peer-routes.ts";
import type { UnderlayRoute } from "../node/underlay.ts";
import { cidr } from "../../testing/cidr.ts";

function claim(prefix: string, ...addresses: readonly string[]): Claim {
  return {
    kind: "claim",
    key: prefix,
    cidr: cidr(prefix),
    range: rangeOf(cidr(prefix)),
    node: { name: "peer", createdMs: 1, addresses, podCIDRs: [prefix] },
  };
}

const ownAddresses = ["192.0.2.10", "2001:db8:2::10"];
const ownGateways = ["10.244.1.1", "fd00:1::1"];
const underlay = { addresses: new Map(ownAddresses.map((address) => [address, 1500])) };
const segment: UnderlayRoute = { kind: "segment", links: [2] };
const routed: UnderlayRoute = {
  kind: "routed",
  links: [2],
  gateways: ["192.0.2.1"],
  through: "gateway 192.0.2.1",
};
const routes: Readonly<Record<string, UnderlayRoute>> = {
  "192.0.2.11": segment,
  "2001:db8:2::11": segment,
  "203.0.113.7": routed,
  "2001:db8:9::7": routed,
  "10.10.0.2": { kind: "routed", links: [7], gateways: [], through: 'link "wg0", which has no neighbours' },
  "192.0.2.10": { kind: "inside", links: [], fault: "it is this node's own" },
  "198.51.100.9": { kind: "none", links: [], fault: "the kernel has no route to it (ENETUNREACH)" },
};
const routeTo = (address: string): UnderlayRoute | undefined => routes[address];

interface Setting {
  readonly overlay?: OverlayMode;
  readonly own?: readonly string[];
  /** The node's links are down. */
  readonly isOff?: boolean;
}

const KEY = { publicKey: "key", port: 51_820 };

test("createPeerPlanner() encrypts to a node with a key, also to a neighbour, and whatever the overlay is", () => {
  const target = claim("10.244.2.0/24", "192.0.2.11");
  for (const overlay of ["auto", "never", "always"] as const) {
    const encryption = { linkIndex: 7, isRequired: false, fault: undefined };
    const planner = createPeerPlanner({ overlay, ownAddresses, ownGateways, underlay, encryption });
    assert.deepEqual(
      planner(target, routeTo, () => KEY),
      {
        kind: "encrypted",
        node: target.node,
        key: KEY,
        destination: target.cidr,
        source: "10.244.1.1",
        linkIndex: 7,
        remote: "192.0.2.11",
        fault: undefined,
      },
    );
  }
});

test("encryptedGateway() is an address of the node, of IPv6 one that no route leads to by another link", () => {
  assert.equal(encryptedGateway(cidr("10.244.2.0/24")), "10.244.2.1");
  assert.equal(encryptedGateway(cidr("fd00:2::/64")), "fe80::1");
});

test("createPeerPlanner() reaches a node without a key in clear, and not at all where encryption is required", () => {
  const target = claim("10.244.2.0/24", "192.0.2.11");
  const kinds = [false, true].map((isRequired) => {
    const input = { overlay: "auto" as const, ownAddresses, ownGateways, underlay };
    const encryption = { linkIndex: 7, isRequired, fault: undefined };
    return createPeerPlanner({ ...input, encryption })(
      target,
      routeTo,
      () => "it publishes no WireGuard key",
    );
  });
  assert.deepEqual(kinds, [
    { kind: "direct", destination: target.cidr, gateway: "192.0.2.11", linkIndex: 2 },
    { kind: "unreachable", reason: "it publishes no WireGuard key, and encryption is required" },
  ]);
});

test("createPeerPlanner() sends a node nothing encrypted before that knows this node's key, but lets it in", () => {
  const target = claim("10.244.2.0/24", "192.0.2.11");
  for (const [isRequired, kind] of [
    [false, "direct"],
    [true, "unreachable"],
  ] as const) {
    const encryption = { linkIndex: 7, isRequired, fault: "this node's WireGuard key is not published yet" };
    const planner = createPeerPlanner({ overlay: "auto", ownAddresses, ownGateways, underlay, encryption });
    const found = planner(target, routeTo, () => KEY);
    assert.deepEqual([found.kind, found.awaited?.key.publicKey], [kind, KEY.publicKey]);
  }
});

test("createPeerPlanner() plans anew when the key of a node changes, and not before", () => {
  const target = claim("10.244.2.0/24", "192.0.2.11");
  const encryption = { linkIndex: 7, isRequired: false, fault: undefined };
  const planner = createPeerPlanner({ overlay: "auto", ownAddresses, ownGateways, underlay, encryption });
  const first = planner(target, routeTo, () => KEY);
  const again = (publicKey: string): PeerPlan =>
    planner(
      target,
      routeTo,
      () => ({ ...KEY, publicKey }),
      () => first,
    );
  assert.equal(again(KEY.publicKey), first);
  const second = again("new");
  assert.equal(second.kind === "encrypted" && second.key.publicKey, "new");
});

function plan(
  target: Claim,
  { overlay = "auto", own = ownAddresses, isOff = false }: Setting = {},
): PeerPlan {
  const off = { addresses: new Map<string, number>() };
  const input = { overlay, ownAddresses: own, ownGateways, underlay: isOff ? off : underlay };
  return createPeerPlanner(input)(target, routeTo);
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

test("createPeerPlanner() leaves what is there for a node that is newer than the last look at the underlay", () => {
  for (const addresses of [["192.0.2.77"], ["2001:db8:2::77"]])
    assert.deepEqual(plan(claim("10.244.2.0/24", ...addresses)), {
      kind: "held",
      reason: `the kernel's route has not been looked up yet for its address ${addresses.join()}`,
    });
});

test("createPeerPlanner() plans the route to a node that no route leads to, and says that it waits", () => {
  const found = plan(claim("10.244.2.0/24", "198.51.100.9"));
  assert.deepEqual(found.kind === "overlay" && [found.remote, found.fault], [
    "198.51.100.9",
    "for its address 198.51.100.9: the kernel has no route to it (ENETUNREACH)",
  ]);
});

for (const { name, addresses, setting, underlayFamily, remote } of [
  {
    name: "a node on a link without neighbours (k3s-io/k3s#1104)",
    addresses: ["10.10.0.2"],
    setting: {},
    underlayFamily: 4,
    remote: "10.10.0.2",
  },
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
      underlay: underlayFamily,
      remote,
      fault: undefined,
    });
  });
}

for (const { name, target, setting, kind, reason } of [
  {
    name: "an address on a link without neighbours, with the overlay off",
    target: claim("10.244.2.0/24", "10.10.0.2"),
    setting: { overlay: "never" as const },
    kind: "unreachable",
    reason:
      'its address 10.10.0.2 is not on a segment of this node, but behind link "wg0", which has no neighbours, and the overlay is off',
  },
  {
    name: "an address that is this node's own",
    target: claim("10.244.2.0/24", "192.0.2.10"),
    setting: {},
    kind: "held",
    reason: "for its address 192.0.2.10: it is this node's own",
  },
  {
    name: "an address behind a router, with the overlay off",
    target: claim("10.244.2.0/24", "203.0.113.7"),
    setting: { overlay: "never" as const },
    kind: "unreachable",
    reason:
      "its address 203.0.113.7 is not on a segment of this node, but behind gateway 192.0.2.1, and the overlay is off",
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
    reason: "no link that is up carries this node's address 192.0.2.10",
  },
  {
    name: "its own link down and the overlay off",
    target: claim("10.244.2.0/24", "198.51.100.9"),
    setting: { overlay: "never" as const, isOff: true },
    kind: "held",
    reason: "no link that is up carries this node's address 192.0.2.10",
  },
] as const) {
  test(`createPeerPlanner() says why there is no route: ${name}`, () => {
    assert.deepEqual(plan(target, setting), { kind, reason });
  });
}

test("createPeerPlanner() gives the plan of before as long as it is the same", () => {
  const planner = createPeerPlanner({ overlay: "auto", ownAddresses, ownGateways, underlay });
  const target = claim("10.244.2.0/24", "192.0.2.11");
  const before = planner(target, routeTo);
  const again = (to: typeof routeTo): PeerPlan => planner(target, to, undefined, () => before);
  assert.equal(again(routeTo), before);
  assert.equal(again(() => routed).kind, "overlay");
});
