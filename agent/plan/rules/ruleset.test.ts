import assert from "node:assert/strict";
import { test } from "node:test";
import { withRange } from "../../net/address-range.ts";
import { type Cidr, parseCidr } from "../../net/cidr.ts";
import { assertGolden } from "../../testing/golden.ts";
import { planRuleset } from "./ruleset.ts";
import type { RulesetInput } from "./ruleset-input.ts";
import { formatRuleset } from "../nft/format-table.ts";

function cidrs(...texts: readonly string[]): Cidr[] {
  return texts.map((text) => {
    const cidr = parseCidr(text);
    assert.ok(cidr !== undefined, text);
    return cidr;
  });
}

const own = cidrs("10.244.1.0/24", "fd00:10:244:1::/64");

const masquerade: RulesetInput["masquerade"] = { families: [4, 6], randomPorts: true };

/**
 * Nodes of one family and both, with prefixes that end within a word of 32 bits, at its end, and beyond it.
 */
function overlay(isReceiver: boolean): RulesetInput["overlay"] {
  return {
    bridge: "cw0",
    devices: ["cw-vx", "cw-vx6"],
    port: 4789,
    vni: 4096,
    isReceiver,
    ownAddresses: ["192.0.2.10", "198.51.100.10", "2001:db8::10"],
    nodes: [
      { addresses: ["192.0.2.11", "2001:db8::11"], cidrs: cidrs("10.244.2.0/24", "fd00:2::/64") },
      { addresses: ["192.0.2.12", "198.51.100.12"], cidrs: cidrs("10.245.0.0/20", "fd00:3::/48") },
      { addresses: ["2001:db8::13"], cidrs: cidrs("10.244.4.0/24", "fd00:4::/64") },
      { addresses: ["192.0.2.14"], cidrs: [] },
      { addresses: [], cidrs: cidrs("10.244.5.0/24") },
    ],
  };
}

const encryption: RulesetInput["encryption"] = {
  port: 51_820,
  ownAddresses: ["192.0.2.10", "2001:db8::10"],
  guard: {
    device: "cw-wg",
    cidrs: cidrs("10.244.0.0/24", "10.244.2.0/23", "fd00:10:244:2::/64").map(withRange),
  },
};

type Given = Pick<RulesetInput, "podCidrs" | "insideCidrs" | "masquerade"> & Partial<RulesetInput>;

function textOf(input: Given): string {
  return formatRuleset(planRuleset({ bridge: "cw0", serviceAddresses: [], overlay: undefined, ...input }));
}

for (const { name, input } of [
  { name: "dual-stack", input: { podCidrs: own, insideCidrs: [], masquerade } },
  { name: "ipv4", input: { podCidrs: own.slice(0, 1), insideCidrs: [], masquerade } },
  { name: "ipv6", input: { podCidrs: own.slice(1), insideCidrs: [], masquerade } },
  {
    name: "no-masquerade",
    input: { podCidrs: own, insideCidrs: [], masquerade: { ...masquerade, families: [] } },
  },
  {
    name: "ipv6-off",
    input: { podCidrs: own, insideCidrs: [], masquerade: { ...masquerade, families: [4 as const] } },
  },
  {
    name: "kept-ports",
    input: { podCidrs: own, insideCidrs: [], masquerade: { ...masquerade, randomPorts: false } },
  },
  {
    name: "ipvs",
    input: { podCidrs: own, insideCidrs: [], masquerade, serviceAddresses: ["10.96.0.1", "fd00:96::1"] },
  },
  {
    name: "overlay-sender",
    input: { podCidrs: own, insideCidrs: [], masquerade, overlay: overlay(false) },
  },
  {
    name: "overlay",
    input: { podCidrs: own, insideCidrs: [], masquerade, overlay: overlay(true) },
  },
  {
    name: "encrypted",
    input: {
      podCidrs: own,
      insideCidrs: [],
      masquerade,
      encryption,
    },
  },
  {
    name: "without-host-ports",
    input: { podCidrs: own, insideCidrs: [], masquerade, lacksHostPorts: true },
  },
  {
    name: "cluster",
    input: {
      podCidrs: own,
      insideCidrs: cidrs("10.244.0.0/24", "10.244.2.0/23", "fd00:10:244::/56", "192.0.2.7/32").map(withRange),
      masquerade,
    },
  },
]) {
  test(`formatRuleset() writes the table: ${name}`, () => {
    const text = textOf(input);
    assertGolden(text, new URL(`golden/ruleset-${name}.nft`, import.meta.url));
  });
}

test("without masquerade and host ports nothing asks for a module of NAT", () => {
  const text = textOf({
    podCidrs: own,
    insideCidrs: [],
    masquerade: { ...masquerade, families: [] },
    lacksHostPorts: true,
  });
  assert.doesNotMatch(text, /type nat|masquerade|dnat|fib/);
});

test("a packet that is no ICMP is not asked for its link in input and output: that cost an encrypted stream a tenth", () => {
  const input = { podCidrs: own, insideCidrs: [], masquerade, overlay: overlay(true), encryption };
  const chains = planRuleset({ bridge: "cw0", serviceAddresses: [], ...input })
    .flatMap((table) => table.chains)
    .filter(({ type, hook }) => type === "filter" && (hook === "input" || hook === "output"));
  assert.deepEqual(
    chains.map(({ name }) => name),
    ["departure", "input", "overlay-input"],
  );
  for (const { name, rules } of chains) {
    const asksLink = rules.findIndex(({ text }) => /[io]if(?:name|group)/.test(text));
    const ends = rules.findIndex(({ text }) => /^[^f]*!= \S+ accept$/.test(text));
    assert.ok(ends !== -1 && ends < asksLink, name);
  }
});

test("planRuleset() names no protocol: nft looks names up in /etc/protocols, which the image does not have", () => {
  const text = textOf({ podCidrs: own, insideCidrs: [], masquerade, overlay: overlay(true) });
  assert.deepEqual(text.match(/l4proto (?:!= )?[a-z]+/g) ?? [], []);
});
