import { fnv1a64 } from "../../net/fnv1a.ts";
import {
  type NftChain,
  type NftFlowTable,
  type NftSet,
  type NftTable,
  type Ruleset,
  TABLE_NAME,
} from "./nft-table.ts";

/**
 * Comment by which a rule is recognised in the kernel, since nft does not give rules back as they were
 * written: its name and a hash of its text, so that a rule of an earlier release is not taken for today's.
 */
export function ruleComment({ name, text }: NftChain["rules"][number]): string {
  const { high, low } = fnv1a64(new TextEncoder().encode(text));
  return `${name} ${[high, low].map((half) => half.toString(16).padStart(8, "0")).join("")}`;
}

/**
 * All tables as input of `nft -f`: one transaction that replaces them whole, so that nothing of an earlier
 * state stays.
 */
export function formatRuleset(ruleset: Ruleset): string {
  return ruleset.map(formatTable).join("");
}

/** One table whole. The first `add` makes the `delete` work on a table that is not there. */
export function formatTable({ family, counters, sets, chains, flowTable }: NftTable): string {
  const table = `${family} ${TABLE_NAME}`;
  return [
    `add table ${table}`,
    `delete table ${table}`,
    ...(flowTable === undefined ? [] : [`add table ${table}`, ...formatFlowTable(table, flowTable)]),
    `table ${table} {`,
    ...counters.map((name) => `\tcounter ${name} { }`),
    ...sets.flatMap(formatSet),
    ...chains.flatMap(formatChain),
    "}",
    "",
  ].join("\n");
}

/** Devices in one message: Linux takes up to 255, and tells others of a change in less than a page. */
const DEVICES_PER_MESSAGE = 100;

/** Connection tracking counts packets (net.netfilter.nf_conntrack_acct) as those of other connections. */
const COUNTS = " counter;";

/** What adds a flow table with its devices, or takes some away from it. */
export function formatDevices(
  verb: "add" | "delete",
  table: string,
  { name, priority, devices }: NftFlowTable,
): readonly string[] {
  const counts = verb === "add" ? COUNTS : "";
  return Array.from({ length: Math.ceil(devices.length / DEVICES_PER_MESSAGE) }, (_, index) => {
    const part = devices.slice(index * DEVICES_PER_MESSAGE, (index + 1) * DEVICES_PER_MESSAGE);
    return `${verb} flowtable ${table} ${name} { hook ingress priority ${priority}; devices = { ${part.join(", ")} };${counts} }`;
  });
}

/** A flow table that is not there; one without devices is refused by some releases of nft. */
export function formatFlowTable(table: string, flowTable: NftFlowTable): readonly string[] {
  const { name, priority, devices } = flowTable;
  if (devices.length > 0) return formatDevices("add", table, flowTable);
  return [`add flowtable ${table} ${name} { hook ingress priority ${priority};${COUNTS} }`];
}

function formatSet(set: NftSet): readonly string[] {
  const { elements } = set;
  const content = elements.length === 0 ? [] : [`\t\telements = { ${elements.join(", ")} }`];
  return [
    `\t${kindOf(set)} ${set.name} {`,
    ...formatSetTypes(set).map((line) => `\t\t${line}`),
    ...content,
    "\t}",
  ];
}

export function kindOf({ values }: NftSet): "set" | "map" {
  return values === undefined ? "set" : "map";
}

/** Statements about a set that are not elements. */
export function formatSetTypes({ type, typeof: expressions, values, isInterval }: NftSet): readonly string[] {
  return [
    expressions === undefined
      ? `type ${values === undefined ? type : `${type} : ${values}`}`
      : `typeof ${expressions}`,
    ...(isInterval ? ["flags interval"] : []),
  ];
}

/** A chain with its rules, as lines inside a table. */
export function formatChain({ name, type, hook, priority, rules }: NftChain): readonly string[] {
  return [
    `\tchain ${name} {`,
    `\t\ttype ${type} hook ${hook} priority ${priority}; policy accept;`,
    ...rules.map((rule) => `\t\t${rule.text} comment "${ruleComment(rule)}"`),
    "\t}",
  ];
}
