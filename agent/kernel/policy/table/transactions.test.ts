import assert from "node:assert/strict";
import { test } from "node:test";
import type { TableChange } from "../../../plan/policy/state/table-change.ts";
import { inTransactions } from "./transactions.ts";

const addSet = (name: string): TableChange => {
  return { kind: "add set", spec: { name, type: "ipv4_addr", isInterval: false }, elements: [] };
};
const addChain = (name: string): TableChange => {
  return { kind: "add chain", chain: { name, direction: "ingress", family: 4, rules: [] } };
};
const mapPod = (chain: string): TableChange => {
  return { kind: "map pod", map: "pods-in4", address: "10.244.1.7", chain, previous: undefined };
};
const removeSet = (name: string): TableChange => ({ kind: "remove set", name });
const removeChain = (name: string): TableChange => ({ kind: "remove chain", name });
const addElements = (set: string): TableChange => {
  return { kind: "add elements", set, elements: ["10.244.1.9"] };
};

for (const { name, changes, transactions } of [
  { name: "nothing", changes: [], transactions: [] },
  {
    name: "a pod that is led to a new chain, in a transaction behind the chain's",
    changes: [
      addElements("old"),
      addSet("set"),
      addChain("chain"),
      mapPod("chain"),
      removeChain("before"),
      removeSet("gone"),
    ],
    transactions: [
      [addSet("set"), addChain("chain")],
      [addElements("old"), mapPod("chain"), removeChain("before"), removeSet("gone")],
    ],
  },
  {
    name: "chains that nobody is led to yet, and a pod that is led to an old one, together",
    changes: [addElements("old"), addChain("ahead"), mapPod("chain")],
    transactions: [[addChain("ahead"), addElements("old"), mapPod("chain")]],
  },
  {
    name: "what goes and comes again, one after the other",
    changes: [removeSet("self4"), removeChain("chain"), addSet("self4"), addChain("chain"), mapPod("chain")],
    transactions: [
      [removeSet("self4"), removeChain("chain")],
      [addSet("self4"), addChain("chain")],
      [mapPod("chain")],
    ],
  },
  {
    name: "what comes and goes again, together",
    changes: [addSet("set"), addChain("chain"), removeChain("chain"), removeSet("set")],
    transactions: [[addSet("set"), addChain("chain"), removeChain("chain"), removeSet("set")]],
  },
])
  test(`inTransactions() makes ${name}`, () => {
    assert.deepEqual(inTransactions(changes), transactions);
  });
