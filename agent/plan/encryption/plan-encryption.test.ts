import assert from "node:assert/strict";
import { test } from "node:test";
import { cidr } from "../../testing/cidr.ts";
import type { EncryptedRoute } from "../peers/peer-routes.ts";
import { planWireGuardDevice } from "./plan-device.ts";
import { planWireGuardPeers } from "./plan-peers.ts";

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

function route(node: string, destination: string, ...addresses: readonly string[]): EncryptedRoute {
  return {
    kind: "encrypted",
    node,
    destination: cidr(destination),
    source: "10.244.1.1",
    gateway: "10.244.2.1",
    linkIndex: 7,
    remote: addresses[0] ?? "",
    addresses,
    fault: undefined,
    publicKey: `key of ${node}`,
    port: 51_820,
  };
}

test("planWireGuardPeers() lets a node send from its PodCIDRs and its own addresses, and from nothing else", () => {
  const peers = planWireGuardPeers([
    route("a", "10.244.2.0/24", "192.0.2.11", "2001:db8::11"),
    route("a", "fd00:2::/64", "192.0.2.11", "2001:db8::11"),
  ]);
  assert.deepEqual(
    [...peers],
    [
      [
        "a",
        {
          publicKey: "key of a",
          endpoint: { address: "192.0.2.11", port: 51_820 },
          allowedIps: ["10.244.2.0/24", "fd00:2::/64", "192.0.2.11/32", "2001:db8::11/128"].map(cidr),
        },
      ],
    ],
  );
});

test("planWireGuardPeers() gives an address that two nodes claim to one of them", () => {
  const peers = planWireGuardPeers([
    route("a", "10.244.2.0/24", "192.0.2.11"),
    route("b", "10.244.3.0/24", "192.0.2.11"),
  ]);
  assert.deepEqual(peers.get("b")?.allowedIps, [cidr("10.244.3.0/24")]);
});
