import assert from "node:assert/strict";
import { test } from "node:test";
import { cidrOf } from "../../../net/cidr.ts";
import { asObserved, diffTable } from "../../nft/diff-table.ts";
import { formatRuleset } from "../../nft/format-table.ts";
import type { NftTable } from "../../nft/nft-table.ts";
import { formatRenewal, formatUpdate } from "../../nft/ruleset-update.ts";
import { planRuleset, withElements } from "../ruleset.ts";
import type { RulesetInput } from "../ruleset-input.ts";

const INPUT: RulesetInput = {
  bridge: "cw0",
  podCidrs: [cidrOf("10.244.1.0", 24)],
  insideCidrs: [],
  masquerade: { families: [4], randomPorts: true },
  serviceAddresses: [],
  overlay: undefined,
};
const ports = (...fastLinks: readonly string[]) => ({ ports: [], fastLinks });
const SOURCE = { set: "sources4", hostLink: "cwa", address: "10.244.1.2" };

/** The table of family inet with a flow table of these ports. */
function planned(...fastLinks: readonly string[]): NftTable {
  const ruleset = planRuleset({ ...INPUT, fastPath: { uplinks: ["eth0"], mark: 0x2000_0000 } });
  const [table] = withElements(ruleset, { ...ports(...fastLinks), sources: [SOURCE] });
  assert.ok(table !== undefined);
  return table;
}

const [without] = planRuleset(INPUT);
assert.ok(without !== undefined);

const TABLE = "inet causeway";
const devicesOf = (verb: string, names: string): string =>
  `${verb} flowtable ${TABLE} established { hook ingress priority 0; devices = { ${names} };${verb === "add" ? " counter;" : ""} }`;

const RULES = [6, 17].map(
  (protocol) =>
    `iifname "cw0" meta l4proto ${protocol} ct state established ct mark & 0x20000000 == 0 flow add @established`,
);

test("a fast path is a flow table, a chain of its own, and another place of one chain: all else is as without", () => {
  const before = formatRuleset([without]).split("\n");
  const lines = formatRuleset([planned("cwa", "cwb")]).split("\n");
  const added = lines.filter((line) => !before.includes(line));
  assert.deepEqual(
    added.map((line) => line.trim().replace(/ comment .*/, "")),
    [
      devicesOf("add", "eth0, cwa, cwb"),
      "type filter hook output priority -299; policy accept;",
      "chain fast-path {",
      "type filter hook forward priority 300; policy accept;",
      ...RULES,
    ],
  );
});

test("where policies end nothing the rule asks for no mark", () => {
  const ruleset = planRuleset({ ...INPUT, fastPath: { uplinks: [], mark: undefined } });
  assert.match(formatRuleset(ruleset), /ct state established flow add @established/);
  assert.match(
    formatRuleset(ruleset),
    /add flowtable inet causeway established \{ hook ingress priority 0; counter; \}/,
  );
});

test("ports that come and go are small changes, and so are those that somebody takes or adds", () => {
  const pair = { planned: planned("cwa", "cwb"), observed: asObserved(planned("cwb", "cwc", "dummy0")) };
  assert.deepEqual(diffTable(pair), [
    `table ${TABLE}: flow table established lacks cwa`,
    `table ${TABLE}: flow table established has unexpected devices cwc, dummy0`,
  ]);
  assert.deepEqual(formatUpdate([pair]), [
    `add table ${TABLE}\n${devicesOf("delete", "cwc, dummy0")}\n${devicesOf("add", "cwa")}\n`,
  ]);
});

test("a flow table that is gone comes back before the rule that needs it", () => {
  const table = planned("cwa");
  const observed = { ...asObserved(table), flowTables: [], chains: asObserved(without).chains };
  const [first = "", second = ""] = formatUpdate([{ planned: table, observed: { ...observed, chains: [] } }]);
  assert.match(first, /add flowtable/);
  assert.match(second, /flow add/);
});

test("of hundreds of devices each message has a hundred: Linux takes 255", () => {
  const names = Array.from({ length: 250 }, (_, index) => `cw${index}`);
  const text = formatUpdate([{ planned: planned(...names), observed: undefined }]).join("");
  const added = text.match(/devices = \{[^}]*\}/g) ?? [];
  assert.deepEqual(
    added.map((line) => line.split(",").length),
    [100, 100, 51],
  );
});

for (const { name, to, from } of [
  { name: "switched on", to: planned("cwa"), from: without },
  { name: "switched off", to: without, from: planned("cwa") },
  { name: "another priority", to: planned("cwa"), from: otherPriority(planned("cwa")) },
])
  test(`${name}: the table is replaced whole`, () => {
    const texts = formatUpdate([{ planned: to, observed: asObserved(from) }]);
    assert.equal(texts.length, 1);
    assert.match(texts[0] ?? "", /^add table inet causeway\ndelete table inet causeway\n/);
  });

function otherPriority(table: NftTable): NftTable {
  const { flowTable } = table;
  assert.ok(flowTable !== undefined);
  return { ...table, flowTable: { ...flowTable, priority: 7 } };
}

test("a release that knows of no flow table leaves none after a rollback: it finds a chain in the wrong place", () => {
  const { flowTables: _unread, ...observed } = asObserved(planned("cwa"));
  const texts = formatUpdate([{ planned: without, observed }]);
  assert.match(texts[0] ?? "", /^add table inet causeway\ndelete table inet causeway\n/);
  assert.doesNotMatch(texts.join(""), /flow/);
});

test("a renewal replaces the flow table with all that is in it, and the chain that uses it, in one transaction", () => {
  const lines = formatRenewal(planned("cwa")).split("\n");
  assert.deepEqual(
    lines.map((line) => line.trim().replace(/ comment .*/, "")),
    [
      `flush chain ${TABLE} fast-path`,
      `delete flowtable ${TABLE} established`,
      devicesOf("add", "eth0, cwa"),
      `table ${TABLE} {`,
      "chain fast-path {",
      "type filter hook forward priority 300; policy accept;",
      ...RULES,
      "}",
      "}",
      "",
    ],
  );
  assert.equal(formatRenewal(without), "");
});
