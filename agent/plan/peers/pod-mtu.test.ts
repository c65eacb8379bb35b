import assert from "node:assert/strict";
import { test } from "node:test";
import { mtuFault, type PodMtuInput, planMtu } from "./pod-mtu.ts";

const input: PodMtuInput = {
  mtu: 0,
  overlay: "auto",
  encryption: "none",
  families: [4, 6],
  ownAddresses: ["192.0.2.10"],
  underlay: { uplinks: [{ name: "wan0", mtu: 1500 }], addresses: new Map([["192.0.2.10", 9000]]) },
  before: undefined,
};
const off = { uplinks: [{ name: "wan0", mtu: 1500 }], addresses: new Map<string, number>() };

for (const { name, change, want } of [
  { name: "follows the link of the node's address, not that of the default route", change: {}, want: 8950 },
  { name: "is the link's own where the overlay is never used", change: { overlay: "never" }, want: 9000 },
  {
    name: "leaves room for what WireGuard puts around a packet, also where the overlay is never used",
    change: { encryption: "wireguard", overlay: "never" },
    want: 8940,
  },
  {
    name: "leaves room for WireGuard in outer IPv6 where the node has an IPv6 address",
    change: { encryption: "wireguard", ownAddresses: ["192.0.2.10", "2001:db8::10"] },
    want: 8920,
  },
  { name: "is what the operator says", change: { mtu: 1284 }, want: 1284 },
  {
    name: "leaves room for an outer IPv6 header where the node has an IPv6 address: a peer may have nothing else",
    change: {
      ownAddresses: ["192.0.2.10", "2001:db8::10"],
      underlay: { uplinks: [], addresses: new Map([["192.0.2.10", 1500]]) },
    },
    want: 1430,
  },
  {
    name: "is the smallest of the node's links",
    change: {
      underlay: {
        uplinks: [],
        addresses: new Map([
          ["192.0.2.10", 9000],
          ["2001:db8::10", 1500],
        ]),
      },
    },
    want: 1450,
  },
  {
    name: "stays as the bridge has it while the node is not known (cilium/cilium#17463)",
    change: { ownAddresses: undefined, underlay: off, before: 8950 },
    want: 8950,
  },
  {
    name: "stays while an address on the loopback leads nowhere",
    change: { ownAddresses: [], underlay: { ...off, uplinks: [] }, before: 8950 },
    want: 8950,
  },
  {
    name: "follows the way out of the cluster of a node that has no address",
    change: { ownAddresses: [], underlay: off },
    want: 1450,
  },
  {
    name: "is Ethernet's without any uplink",
    change: { ownAddresses: [], underlay: { ...off, uplinks: [] } },
    want: 1450,
  },
  { name: "stays while the node's link is down", change: { underlay: off, before: 8950 }, want: 8950 },
  {
    name: "is never less than what pods' IPv6 needs",
    change: { underlay: { uplinks: [], addresses: new Map([["192.0.2.10", 1300]]) } },
    want: 1280,
  },
  {
    name: "is what fits where pods have IPv4 alone (tailscale/tailscale#16820)",
    change: { families: [4], underlay: { uplinks: [], addresses: new Map([["192.0.2.10", 1280]]) } },
    want: 1230,
  },
  {
    name: "is never less than what IPv4 needs",
    change: { families: [4], underlay: { uplinks: [], addresses: new Map([["192.0.2.10", 600]]) } },
    want: 576,
  },
  { name: "is what the operator says, if IPv6 can live with it", change: { mtu: 1230 }, want: 1280 },
  { name: "is what the operator says for IPv4 alone", change: { mtu: 1230, families: [4] }, want: 1230 },
] as readonly { name: string; change: Partial<PodMtuInput>; want: number }[]) {
  test(`planMtu() ${name}`, () => assert.equal(planMtu({ ...input, ...change }), want));
}

test("mtuFault() says what pods with IPv6 need, and nothing of what they can live with", () => {
  assert.match(mtuFault({ mtu: 1230, families: [4, 6] }) ?? "", /^mtu 1230 is too small .* at least 1280/);
  for (const mtu of [0, 1280]) assert.equal(mtuFault({ mtu, families: [4, 6] }), undefined);
  assert.equal(mtuFault({ mtu: 1230, families: [4] }), undefined);
});
