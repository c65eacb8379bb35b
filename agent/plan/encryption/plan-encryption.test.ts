import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCidr } from "../../net/cidr.ts";
import { cidr } from "../../testing/cidr.ts";
import { encryptedRoute } from "../../testing/cluster/encrypted-route.ts";
import { planWireGuardDevice } from "./plan-device.ts";
import { createWireGuardPeerPlanner } from "./plan-peers.ts";
import { allowedIpsOf, type WireGuardPeerPlan } from "./wireguard.ts";

const device = {
  port: 51_820,
  ownCidrs: [cidr("10.244.1.0/24"), cidr("fd00:1::/64")],
  ownGateways: ["10.244.1.1", "fd00:1::1"],
};

for (const { name, addresses, ownCidrs = device.ownCidrs, mtu } of [
  { name: "leaves 60 bytes for outer IPv4", addresses: { "192.0.2.10": 1500 }, mtu: 1440 },
  { name: "leaves 80 bytes for outer IPv6", addresses: { "2001:db8::10": 1500 }, mtu: 1420 },
  {
    name: "leaves room for the larger header where both may be outside",
    addresses: { "192.0.2.10": 1500, "2001:db8::10": 1500 },
    mtu: 1420,
  },
  { name: "is never less than pods with IPv6 need", addresses: { "192.0.2.10": 1300 }, mtu: 1280 },
  {
    name: "may be less where pods have IPv4 alone",
    addresses: { "192.0.2.10": 1300 },
    ownCidrs: [cidr("10.244.1.0/24")],
    mtu: 1240,
  },
]) {
  test(`planWireGuardDevice(): the MTU ${name}`, () => {
    const underlay = { addresses: new Map(Object.entries(addresses)) };
    assert.deepEqual(planWireGuardDevice({ ...device, ownCidrs, underlay }), {
      name: "cw-wg",
      mtu,
      port: 51_820,
      addresses: ["10.244.1.1", "fd00:1::1"],
    });
  });
}

test("planWireGuardDevice() waits while no link carries the node's addresses", () => {
  assert.equal(planWireGuardDevice({ ...device, underlay: { addresses: new Map() } }), undefined);
});

const NONE: ReadonlySet<string> = new Set();

function allowed(peers: ReadonlyMap<string, WireGuardPeerPlan>, name: string): readonly string[] {
  return allowedIpsOf(peers.get(name) ?? { allowedIps: [] }).map(formatCidr);
}

test("a WireGuard peer plan lets a node send from its PodCIDRs and its own addresses, and from nothing else", () => {
  const peers = createWireGuardPeerPlanner()(
    [
      encryptedRoute("a", "10.244.2.0/24", ["192.0.2.11", "2001:db8::11"]),
      encryptedRoute("a", "fd00:2::/64", ["192.0.2.11", "2001:db8::11"]),
    ],
    NONE,
  );
  assert.deepEqual(
    [...peers],
    [
      [
        "a",
        {
          publicKey: "key of a",
          endpoint: { address: "192.0.2.11", port: 51_820 },
          allowedIps: ["10.244.2.0/24", "fd00:2::/64"].map(cidr),
          allowedAddresses: ["192.0.2.11", "2001:db8::11"],
        },
      ],
    ],
  );
});

test("an address that two nodes claim belongs to one WireGuard peer", () => {
  const peers = createWireGuardPeerPlanner()(
    [
      encryptedRoute("a", "10.244.2.0/24", ["192.0.2.11"]),
      encryptedRoute("b", "10.244.3.0/24", ["192.0.2.11"]),
    ],
    NONE,
  );
  assert.deepEqual(allowed(peers, "b"), ["10.244.3.0/24"]);
});

test("a WireGuard peer is the same object until a route or an address of its node changes", () => {
  const plan = createWireGuardPeerPlanner();
  const [a4, a6] = [
    encryptedRoute("a", "10.244.2.0/24", ["192.0.2.11"]),
    encryptedRoute("a", "fd00:2::/64", ["192.0.2.11"]),
  ];
  const b = encryptedRoute("b", "10.244.3.0/24", ["192.0.2.12"]);
  const before = plan([a4, a6, b], NONE);
  assert.equal(plan([b, a4, a6], NONE).get("a"), before.get("a"));
  const fewer = plan([a4, b], NONE);
  assert.deepEqual(allowed(fewer, "a"), ["10.244.2.0/24", "192.0.2.11/32"]);
  assert.equal(fewer.get("b"), before.get("b"));
  const moved = plan([{ ...a4, remote: "192.0.2.99" }, b], NONE);
  assert.equal(moved.get("a")?.endpoint.address, "192.0.2.99");
  assert.equal(moved.get("b"), before.get("b"));
  const thief = plan([encryptedRoute("c", "10.244.4.0/24", ["192.0.2.12"]), b], NONE);
  assert.deepEqual(allowed(thief, "b"), ["10.244.3.0/24"], "its address is another's now");
  assert.equal(allowed(plan([a4, b], NONE), "b").length, 2);
});
