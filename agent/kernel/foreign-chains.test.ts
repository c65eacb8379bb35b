import assert from "node:assert/strict";
import { test } from "node:test";
import { describeDropPolicies } from "./foreign-chains.ts";

const chain = { family: "ip", table: "filter", name: "FORWARD", hook: "forward", policy: "drop" };

test("describeDropPolicies() names a chain that drops what it does not know, and what to run", () => {
  assert.deepEqual(describeDropPolicies([{}, { chain }], "cw0"), [
    "nftables chain ip filter FORWARD drops forwarded packets that none of its rules accepts; unless it accepts pods' traffic, " +
      'on the node run: nft insert rule ip filter FORWARD iifname "cw0" accept && nft insert rule ip filter FORWARD oifname "cw0" accept',
  ]);
});

for (const { name, change } of [
  { name: "accepts by default", change: { policy: "accept" } },
  { name: "is on another hook", change: { hook: "input" } },
  { name: "is no base chain", change: { hook: undefined, policy: undefined } },
  { name: "is ours", change: { family: "inet", table: "causeway" } },
]) {
  test(`describeDropPolicies() has nothing to say of a chain that ${name}`, () => {
    assert.deepEqual(describeDropPolicies([{ chain: { ...chain, ...change } as typeof chain }], "cw0"), []);
  });
}
