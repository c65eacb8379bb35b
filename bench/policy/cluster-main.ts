import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { outcomeOf, type Verdict } from "../judge.ts";
import { describeMachine } from "../machine.ts";
import { showVerdicts } from "../run-bench.ts";
import { makeUplink } from "../scale/measure.ts";
import { type ClusterResult, measureCluster, type Policies } from "./measure-cluster.ts";

const SCENARIOS: readonly { readonly policies: Policies; readonly name: string }[] = [
  { policies: "none", name: "no policy" },
  { policies: "named", name: "30 namespaces named" },
  { policies: "cluster", name: "one over all namespaces" },
];

interface Figure {
  readonly text: string;
  readonly unit: string;
  readonly of: (result: ClusterResult, without: ClusterResult) => number | undefined;
  /** What was promised of each scenario with policies; the last one holds for the others. */
  readonly atMost?: readonly number[];
}

const FIGURES: readonly Figure[] = [
  { text: "start to ready", unit: "ms", of: ({ readyMs }) => readyMs },
  { text: "pod of another node to the kernel, median", unit: "ms", of: ({ podMedianMs }) => podMedianMs },
  {
    text: "pod of another node to the kernel, p99",
    unit: "ms",
    of: ({ podP99Ms }) => podP99Ms,
    atMost: [20],
  },
  { text: "policy edit to the kernel, median", unit: "ms", of: ({ editMedianMs }) => editMedianMs },
  {
    text: "policy edit to the kernel, worst",
    unit: "ms",
    of: ({ editWorstMs }) => editWorstMs,
    atMost: [100],
  },
  { text: "RSS", unit: "MB", of: ({ rssMb }) => rssMb },
  {
    text: "RSS above that without a policy",
    unit: "MB",
    of: (own, { rssMb }) => own.rssMb - rssMb,
    atMost: [25, 75],
  },
  { text: "RSS, peak", unit: "MB", of: ({ peakRssMb }) => peakRssMb },
  { text: "CPU idle", unit: "%", of: ({ idleCpu }) => idleCpu },
  { text: "CPU, 20 pods a second", unit: "%", of: ({ churnCpu }) => churnCpu, atMost: [3] },
];

/** What a busy machine may exceed a promise by: it is unsure then, and fails nothing. */
const HEAD_ROOM = 1.5;

const { values } = parseArgs({
  options: {
    json: { type: "string", default: "bench/policy-cluster-results.json" },
    gate: { type: "boolean", default: false },
  },
});

makeUplink();
const results: ClusterResult[] = [];
for (const { policies, name } of SCENARIOS) {
  console.error(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${name}`);
  results.push(await measureCluster(policies));
}
const machine = describeMachine();
writeFileSync(values.json, `${JSON.stringify({ machine, scenarios: SCENARIOS, results }, undefined, 1)}\n`);

const verdicts: Verdict[] = [];
console.log(["".padEnd(44), ...SCENARIOS.map(({ name }) => name.padStart(26))].join(""));
for (const { text, unit, of, atMost = [] } of FIGURES) {
  const [without] = results;
  if (without === undefined) break;
  const cells = results.map((result, index) => {
    const value = of(result, without);
    const limit = index === 0 ? undefined : (atMost[index - 1] ?? atMost.at(-1));
    if (value === undefined) return "-".padStart(26);
    const shown = `${value.toFixed(value < 10 ? 2 : 0)} ${unit}`;
    if (limit !== undefined) {
      const outcome = outcomeOf({ got: value, best: value / HEAD_ROOM, atMost: limit });
      const scenario = SCENARIOS[index]?.name;
      verdicts.push({
        text: `${outcome.padEnd(8)} ${text}, ${scenario}: ${shown}, budget ${limit}`,
        outcome,
      });
    }
    return shown.padStart(26);
  });
  console.log(text.padEnd(44) + cells.join(""));
}
console.log(
  `5,000 nodes, 150,000 pods, 10,000 policies, 200 of them of this node's 250 pods. CPU in percent of one core. Machine: ${machine}.`,
);
process.exitCode = showVerdicts(verdicts, values.gate);
