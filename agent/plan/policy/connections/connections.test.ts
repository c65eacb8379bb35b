import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyChain, PolicyRule, PolicyTable, Verdict } from "../compile/policy-table.ts";
import type { TableChange } from "../state/table-change.ts";
import { createAffectedPods } from "./affected-pods.ts";
import { isForbidden, type NodeSide } from "./is-forbidden.ts";

const DROP: Verdict = {
  kind: "drop",
  denial: { direction: "ingress", tier: "NetworkPolicy", policies: ["a/b"] },
};
const LETS: Verdict = { kind: "return" };

function looksInto(set: string, verdict: Verdict, isNegated = false): PolicyRule {
  return { lookups: [{ key: "peer", set, isNegated }], verdict };
}

function chain(name: string, ...rules: readonly PolicyRule[]): [string, PolicyChain] {
  return [name, { name, direction: "ingress", family: 4, rules }];
}

/** Pods 10.0.0.N of which each has a chain that looks otherwise into set "s". */
const table: PolicyTable = {
  sets: new Map([
    [
      "s",
      {
        spec: { name: "s", type: "ipv4_addr", isInterval: false },
        elements: new Map([["192.0.2.1", true]]),
        revision: 1,
      },
    ],
  ]),
  chains: new Map([
    chain("allows", looksInto("s", LETS), { lookups: [], verdict: DROP }),
    chain("denies", looksInto("s", DROP)),
    chain("allows-others", looksInto("s", LETS, true), { lookups: [], verdict: DROP }),
    chain("later", looksInto("s", LETS), { lookups: [], verdict: DROP }),
    chain("passes-on", { lookups: [], verdict: { kind: "goto", chain: "later" } }),
    chain("none", { lookups: [], verdict: DROP }),
  ]),
  pods: {
    "pods-out4": new Map(),
    "pods-out6": new Map(),
    "pods-in4": new Map([
      ["10.0.0.1", "allows"],
      ["10.0.0.2", "denies"],
      ["10.0.0.3", "allows-others"],
      ["10.0.0.4", "passes-on"],
      ["10.0.0.5", "none"],
    ]),
    "pods-in6": new Map(),
  },
};

const added: TableChange = { kind: "add elements", set: "s", elements: ["192.0.2.1"] };
const removed: TableChange = { kind: "remove elements", set: "s", elements: ["192.0.2.1"] };
const mapped: TableChange = {
  kind: "map pod",
  map: "pods-in4",
  address: "10.0.0.5",
  chain: "none",
  previous: undefined,
};
const unmapped: TableChange = { kind: "unmap pod", map: "pods-in4", address: "10.0.0.9", chain: "none" };

for (const { name, change, hasEnded = false, want } of [
  {
    name: "a peer that comes may forbid where a rule denies, and where it is one of those that are let pass no more",
    change: added,
    want: ["10.0.0.2", "10.0.0.3"],
  },
  {
    name: "a peer that goes may forbid where a rule lets pass, also behind another chain",
    change: removed,
    want: ["10.0.0.1", "10.0.0.4"],
  },
  {
    name: "a peer that comes counts everywhere when connections were ended",
    change: added,
    hasEnded: true,
    want: ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"],
  },
  { name: "a pod in another group", change: mapped, want: ["10.0.0.5"] },
  { name: "a pod that is isolated no more has nothing to lose", change: unmapped, want: [] },
  {
    name: "a pod that is isolated no more gets back what was ended",
    change: unmapped,
    hasEnded: true,
    want: ["10.0.0.9"],
  },
]) {
  test(`createAffectedPods(): ${name}`, () => {
    const pods = createAffectedPods();
    pods.note([change]);
    assert.deepEqual([...pods.take(table, hasEnded)].toSorted(), want);
    assert.deepEqual([...pods.take(table, true)], [], "each is told once");
  });
}

const NODE: NodeSide = { isLocal: (address) => address === "192.0.2.10", toOwnNode: "enforce" };
const packet = { source: "192.0.2.2", destination: "10.0.0.1", protocol: "TCP" as const, port: 80 };
const egress: PolicyTable = {
  ...table,
  pods: { ...table.pods, "pods-out4": new Map([["10.0.0.6", "none"]]) },
};
const toNode = { ...packet, source: "10.0.0.6", destination: "192.0.2.10" };

for (const { name, of = table, judged = packet, node = NODE, want } of [
  { name: "what the table drops", want: true },
  { name: "not what it lets pass", judged: { ...packet, source: "192.0.2.1" }, want: false },
  {
    name: "not what the node itself sends to a pod",
    judged: { ...packet, source: "192.0.2.10" },
    want: false,
  },
  { name: "what a pod sends to its own node", of: egress, judged: toNode, want: true },
  {
    name: "not what a pod sends to its own node where that is allowed",
    of: egress,
    judged: toNode,
    node: { ...NODE, toOwnNode: "allow" as const },
    want: false,
  },
]) {
  test(`isForbidden() forbids ${name}`, () => {
    assert.equal(isForbidden(of, judged, node), want);
  });
}
