import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { POLICY_BUDGETS } from "../budgets.ts";
import { judge } from "../judge.ts";
import { describeMachine, enterMachine } from "../machine.ts";
import { runBench, showProgress, showVerdicts } from "../run-bench.ts";
import { formatTable, summarizeRows } from "../table.ts";
import { measureNodes } from "./measure-node.ts";
import { measureStart } from "./measure-start.ts";
import { makePolicyNode, type PolicyNode, type PolicyNodeInput } from "./nodes.ts";

const POLICIES = 1000;
const NO_POLICIES = { networkPolicies: 0, clusterPolicies: 0, rulesPerClusterPolicy: 0 };

const NODES: readonly Omit<PolicyNodeInput, "number">[] = [
  { id: "none", name: "no policy" },
  { id: "one", name: "1 policy", policies: { ...NO_POLICIES, networkPolicies: 1 } },
  {
    id: "thousand",
    name: "1,000 policies, 20,000 peers",
    policies: { ...NO_POLICIES, networkPolicies: POLICIES },
  },
  {
    id: "cluster",
    name: "100 cluster policies of 25 rules, 10,000 peers",
    policies: { networkPolicies: 1, clusterPolicies: 100, rulesPerClusterPolicy: 25 },
  },
  { id: "by-hand", name: "1,000 policies by hand, a rule each", rules: POLICIES },
];

await runBench(main);

/** Exit code: 0 done, 1 a budget was missed by more than its head-room and --gate given. */
async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "6" },
      json: { type: "string", default: "bench/policy-results.json" },
      gate: { type: "boolean", default: false },
    },
  });
  enterMachine();
  const nodes: PolicyNode[] = [];
  for (const [number, input] of NODES.entries()) {
    nodes.push(await makePolicyNode({ ...input, number }));
    showProgress(`Made: ${input.name}`);
  }
  const input = { rounds: Number(values.rounds), onProgress: showProgress };
  const traffic = measureNodes({ ...input, nodes });
  for (const { program } of nodes) await program.close();
  const rows = [...traffic, await measureStart({ ...input, number: NODES.length })];
  const summaries = summarizeRows(rows);
  const verdicts = judge(rows, POLICY_BUDGETS);
  const machine = describeMachine();
  writeFileSync(values.json, `${JSON.stringify({ machine, summaries, verdicts, rows }, undefined, 1)}\n`);
  console.log(`${formatTable(summaries)}\n`);
  console.log("Traffic in nanoseconds of CPU, ADD, DEL and start in milliseconds.");
  console.log(`${values.rounds} rounds, all nodes in turn in each. Machine: ${machine}.\n`);
  return showVerdicts(verdicts, values.gate);
}
