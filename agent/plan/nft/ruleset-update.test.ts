import assert from "node:assert/strict";
import { test } from "node:test";
import { asObserved, diffTable, type ObservedTable } from "./diff-table.ts";
import type { NftTable } from "./nft-table.ts";
import { bringsLastChain, formatUpdate } from "./ruleset-update.ts";

const prefixes = { type: "ipv4_addr", values: undefined, isInterval: true };

const planned: NftTable = {
  family: "inet",
  counters: ["dropped"],
  sets: [
    { ...prefixes, name: "pods4", elements: ["10.244.1.0/24"] },
    { ...prefixes, name: "inside4", elements: ["10.244.0.0/22", "10.244.8.0/24"] },
  ],
  chains: [
    {
      name: "output",
      type: "filter",
      hook: "output",
      priority: 0,
      rules: [{ name: "first", text: "ip daddr @inside4 accept" }],
    },
  ],
};

const asPlanned = asObserved(planned);
const [pods4, inside4] = asPlanned.sets;
const [output] = asPlanned.chains;
assert.ok(pods4 !== undefined && inside4 !== undefined && output !== undefined);

const many = Array.from({ length: 51 }, (_, index) => `10.0.${index}.0/24`);

const ADD_CHAINS = [
  "add table inet causeway",
  "flush table inet causeway",
  "table inet causeway {",
  "\tchain output {",
  "\t\ttype filter hook output priority 0; policy accept;",
  '\t\tip daddr @inside4 accept comment "first e34f1a7cb68d82a3"',
  "\t}",
  "}",
  "",
];

const REPLACE = [
  "add table inet causeway",
  "delete table inet causeway",
  "table inet causeway {",
  "\tcounter dropped { }",
  "\tset pods4 {",
  "\t\ttype ipv4_addr",
  "\t\tflags interval",
  "\t\telements = { 10.244.1.0/24 }",
  "\t}",
  "\tset inside4 {",
  "\t\ttype ipv4_addr",
  "\t\tflags interval",
  "\t\telements = { 10.244.0.0/22, 10.244.8.0/24 }",
  "\t}",
  ...ADD_CHAINS.slice(3),
];

const cases: readonly {
  readonly name: string;
  readonly observed: ObservedTable | undefined;
  readonly found: readonly string[];
  readonly want: readonly (readonly string[])[];
}[] = [
  { name: "what is as planned", observed: asPlanned, found: [], want: [] },
  {
    name: "a missing table, its sets before the rules that look into them",
    observed: undefined,
    found: ["table inet causeway is missing"],
    want: [
      [
        "add table inet causeway",
        "add counter inet causeway dropped",
        "add set inet causeway pods4 { type ipv4_addr; flags interval; }",
        "add element inet causeway pods4 { 10.244.1.0/24 }",
        "add set inet causeway inside4 { type ipv4_addr; flags interval; }",
        "add element inet causeway inside4 { 10.244.0.0/22, 10.244.8.0/24 }",
        "",
      ],
      ADD_CHAINS,
    ],
  },
  {
    name: "elements alone, in one transaction, what goes before what comes",
    observed: {
      ...asPlanned,
      sets: [pods4, { ...inside4, elements: ["10.244.8.0/24", "10.244.0.0/24", "10.244.2.0/23"] }],
    },
    found: [
      "table inet causeway: set inside4 lacks 10.244.0.0/22",
      "table inet causeway: set inside4 has unexpected elements 10.244.0.0/24, 10.244.2.0/23",
    ],
    want: [
      [
        "add table inet causeway",
        "delete element inet causeway inside4 { 10.244.0.0/24, 10.244.2.0/23 }",
        "add element inet causeway inside4 { 10.244.0.0/22 }",
        "",
      ],
    ],
  },
  {
    name: "many elements by writing all of them anew, in one transaction",
    observed: { ...asPlanned, sets: [pods4, { ...inside4, elements: many }] },
    found: [
      "table inet causeway: set inside4 lacks 10.244.0.0/22, 10.244.8.0/24",
      "table inet causeway: set inside4 has unexpected elements 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24, and 48 more",
    ],
    want: [
      [
        "add table inet causeway",
        "flush set inet causeway inside4",
        "add element inet causeway inside4 { 10.244.0.0/22, 10.244.8.0/24 }",
        "",
      ],
    ],
  },
  {
    name: "rules alone: the sets stay",
    observed: { ...asPlanned, chains: [{ ...output, comments: ["first 0", "without comment"] }] },
    found: [
      "table inet causeway: chain output has rules [first 0, without comment] instead of rules [first e34f1a7cb68d82a3]",
    ],
    want: [ADD_CHAINS],
  },
  {
    name: "a policy that somebody has changed",
    observed: { ...asPlanned, chains: [{ ...output, policy: "drop" }] },
    found: [
      "table inet causeway: chain output has type filter hook output priority 0 policy drop " +
        "instead of type filter hook output priority 0 policy accept",
    ],
    want: [ADD_CHAINS],
  },
  {
    name: "nothing but unexpected items, when there are a foreign chain, set and counter",
    observed: {
      flags: 0,
      counters: ["dropped", "seen"],
      sets: [pods4, inside4, { ...inside4, name: "outside4" }],
      chains: [output, { ...output, name: "theirs" }],
    },
    found: [
      "table inet causeway: counter seen is not planned",
      "table inet causeway: set outside4 is not planned",
      "table inet causeway: chain theirs is not planned",
    ],
    want: [
      [
        ...ADD_CHAINS.slice(0, 2),
        "delete chain inet causeway theirs",
        "delete set inet causeway outside4",
        "delete counter inet causeway seen",
        ...ADD_CHAINS.slice(2),
      ],
    ],
  },
  {
    name: "a counter that somebody has deleted",
    observed: { ...asPlanned, counters: [] },
    found: ["table inet causeway: counter dropped is missing"],
    want: [["add table inet causeway", "add counter inet causeway dropped", ""]],
  },
  {
    name: "a chain of another hook, with the table",
    observed: { ...asPlanned, chains: [{ ...output, hook: "prerouting" }] },
    found: [
      "table inet causeway: chain output has type filter hook prerouting priority 0 policy accept " +
        "instead of type filter hook output priority 0 policy accept",
    ],
    want: [REPLACE],
  },
  {
    name: "a set of another type, with the table",
    observed: { ...asPlanned, sets: [pods4, { ...inside4, type: "ipv6_addr" }] },
    found: [
      "table inet causeway: set inside4 has type ipv6_addr flags interval instead of type ipv4_addr flags interval",
    ],
    want: [REPLACE],
  },
];

for (const { name, observed, found, want } of cases) {
  test(`formatUpdate() changes ${name}`, () => {
    assert.deepEqual(diffTable({ planned, observed }), found);
    assert.deepEqual(
      formatUpdate([{ planned, observed }]).map((text) => text.split("\n")),
      want,
    );
  });
}

test("formatUpdate() brings the sets of all tables first, and leaves alone a table that is as planned", () => {
  const bridge: NftTable = { ...planned, family: "bridge", counters: [], sets: [] };
  const [first, second] = formatUpdate([
    { planned, observed: undefined },
    { planned: bridge, observed: undefined },
  ]);
  assert.doesNotMatch(first ?? "", /bridge|chain/);
  assert.match(second ?? "", /table inet[^]*table bridge/);
  const alone = formatUpdate([
    { planned, observed: asPlanned },
    { planned: bridge, observed: undefined },
  ]);
  assert.equal(alone.length, 1);
  assert.doesNotMatch(alone.join(), /inet/);
});

test("diffTable() names three of thousands of elements", () => {
  const elements = Array.from({ length: 1000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
  const found = diffTable({
    planned: { ...planned, sets: [pods4, { ...inside4, elements }] },
    observed: { ...asPlanned, sets: [pods4, { ...inside4, elements: [] }] },
  });
  const want = "set inside4 lacks 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24, and 997 more";
  assert.deepEqual(found, [`table inet causeway: ${want}`]);
});

test("formatUpdate() brings elements that one transaction cannot hold in several, before the rules", () => {
  const elements = Array.from({ length: 10_000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
  const [set] = planned.sets;
  assert.ok(set !== undefined);
  const texts = formatUpdate([
    { planned: { ...planned, sets: [{ ...set, elements }] }, observed: undefined },
  ]);
  const rules = texts.at(-1) ?? "";
  assert.match(rules, /chain output/);
  const sent = texts.slice(0, -1);
  assert.ok(sent.length > 1);
  for (const text of sent) assert.ok(text.length <= 31_000, `${text.length} characters`);
  const found = sent.flatMap((text) => text.match(/(?<=[{,] )10\.[\d./]+/g) ?? []);
  assert.deepEqual(found, elements);
});

test("formatUpdate() changes a set that loses elements in one transaction, however many it gets", () => {
  const [set, other] = planned.sets;
  assert.ok(set !== undefined && other !== undefined);
  const elements = Array.from({ length: 10_000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
  for (const gone of [["192.0.2.0/24"], many.map((element) => element.replace("10.0.", "192.168."))]) {
    const observed = { ...asPlanned, sets: [{ ...pods4, elements: gone }, inside4] };
    const texts = formatUpdate([{ planned: { ...planned, sets: [{ ...set, elements }, other] }, observed }]);
    assert.equal(texts.filter((text) => / element | flush /.test(text)).length, 1);
  }
});

test("formatUpdate() brings a chain that asks what others write on packets after those", () => {
  const asking = { ...output, name: "asking", rules: [{ name: "mark", text: "meta mark 1 accept" }] };
  const later: NftTable = {
    ...planned,
    chains: [...planned.chains, { ...asking, type: "filter", hook: "output", isLast: true }],
  };
  const stranger = { ...output, name: "stranger" };
  const observed: ObservedTable = { ...asPlanned, chains: [stranger] };
  const [first, second, ...rest] = formatUpdate([{ planned: later, observed }]);
  assert.ok(bringsLastChain({ planned: later, observed }));
  assert.match(first ?? "", /chain output/);
  assert.doesNotMatch(first ?? "", /chain asking|delete chain/);
  assert.match(second ?? "", /delete chain inet causeway stranger\n[^]*chain output[^]*chain asking/);
  assert.deepEqual(rest, []);
  const there: ObservedTable = { ...asObserved(later), chains: [stranger, ...asObserved(later).chains] };
  assert.equal(formatUpdate([{ planned: later, observed: there }]).length, 1);
  assert.ok(!bringsLastChain({ planned: later, observed: there }));
});
