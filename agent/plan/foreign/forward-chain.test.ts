import assert from "node:assert/strict";
import { test } from "node:test";
import { describeHarm, effectOnPods, type NftRule } from "./forward-chain.ts";

const about = (key: string, right: string, op = "==") => ({ match: { op, left: { meta: { key } }, right } });
const accept = { accept: null };
const drop = { drop: null };
const counter = { counter: { packets: 0, bytes: 0 } };
const state = { match: { op: "in", left: { ct: { key: "state" } }, right: "established" } };

for (const { name, policy = "accept", rules, want } of [
  { name: "an empty chain with policy accept", rules: [], want: "passes" },
  { name: "an empty chain with policy drop", policy: "drop", rules: [], want: "drops unknown" },
  {
    name: "both directions accepted, with counters",
    policy: "drop",
    rules: [
      [about("iifname", "cw0"), counter, accept],
      [about("oifname", "cw0"), accept],
    ],
    want: "passes",
  },
  {
    name: "one direction accepted",
    policy: "drop",
    rules: [[about("iifname", "cw0"), accept]],
    want: "drops unknown",
  },
  {
    name: "another link accepted",
    policy: "drop",
    rules: [
      [about("iifname", "docker0"), accept],
      [about("oifname", "docker0"), accept],
    ],
    want: "drops unknown",
  },
  {
    name: "all but the bridge accepted",
    policy: "drop",
    rules: [
      [about("iifname", "cw0", "!="), accept],
      [about("oifname", "cw0", "!="), accept],
    ],
    want: "drops unknown",
  },
  {
    name: "a REJECT of iptables at the end, as Oracle Linux has it",
    rules: [
      [state, accept],
      [counter, { xt: { type: "target", name: "REJECT" } }],
    ],
    want: "drops unknown",
  },
  {
    name: "a REJECT of iptables with a condition that nft cannot read",
    rules: [[{ xt: { type: "match", name: "physdev" } }, { xt: { type: "target", name: "REJECT" } }]],
    want: "passes",
  },
  {
    name: "a limited reject",
    rules: [[{ limit: { rate: 1 } }, { reject: null }]],
    want: "passes",
  },
  {
    name: "accepted only for established connections",
    policy: "drop",
    rules: [
      [about("iifname", "cw0"), state, accept],
      [about("oifname", "cw0"), state, accept],
    ],
    want: "drops unknown",
  },
  { name: "a last rule that rejects all", rules: [[state, accept], [{ reject: {} }]], want: "drops unknown" },
  { name: "a last rule that accepts all", policy: "drop", rules: [[accept]], want: "passes" },
  {
    name: "a rule that drops what comes from pods",
    rules: [[about("iifname", "cw0"), drop]],
    want: "drops pods",
  },
  {
    name: "a rule that drops what was accepted before",
    rules: [
      [about("oifname", "cw0"), accept],
      [about("oifname", "cw0"), drop],
    ],
    want: "passes",
  },
  { name: "jumps and logs", rules: [[{ jump: { target: "x" } }], [{ log: null }]], want: "passes" },
] satisfies readonly { name: string; policy?: string; rules: readonly NftRule[]; want: string }[]) {
  test(`effectOnPods() of ${name} is "${want}"`, () => {
    const chain = { family: "ip", table: "filter", name: "FORWARD", policy, rules };
    assert.equal(effectOnPods(chain, "cw0"), want);
  });
}

test("describeHarm() names a chain that drops what it does not know, and what to run", () => {
  const chain = { family: "ip", table: "filter", name: "FORWARD", rules: [] };
  assert.deepEqual(describeHarm({ ...chain, policy: "drop" }, "cw0"), {
    evidence:
      "chain ip filter FORWARD drops forwarded packets by default, and no rule accepts those of the bridge",
    remedy:
      'nft insert rule ip filter FORWARD iifname "cw0" accept && nft insert rule ip filter FORWARD oifname "cw0" accept',
  });
  assert.equal(describeHarm({ ...chain, policy: "accept" }, "cw0"), undefined);
});
