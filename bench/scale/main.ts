import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Figure, judgeFigures } from "../footprint/figures.ts";
import { describeMachine } from "../machine.ts";
import { showVerdicts } from "../run-bench.ts";
import { alignColumns } from "../table.ts";
import { makeUplink, measureScale, type ScaleInput, type ScaleResult } from "./measure.ts";

type Scenario = ScaleInput & { readonly name: string };

const USUAL: readonly Scenario[] = [
  { name: "5,000 nodes, direct", nodes: 5000, overlay: "auto", changes: 30, idleS: 60, churnS: 15 },
  { name: "1,000 nodes, overlay", nodes: 1000, overlay: "always", changes: 30, idleS: 20, churnS: 15 },
];

/** More than Kubernetes supports: what an agent takes of a node's memory must be known beyond it, too. */
const LARGE: Scenario = {
  name: "50,000 nodes, direct",
  nodes: 50_000,
  overlay: "auto",
  changes: 5,
  idleS: 10,
  churnS: 5,
};

/** What each figure is, and what was promised of the first usual scenario. */
const FIGURES: readonly (Omit<Figure, "value"> & { readonly key: keyof ScaleResult })[] = [
  { key: "startToReadyMs", name: "start to ready", unit: "ms" },
  { key: "listToRoutesMs", name: "list to all routes in the kernel", unit: "ms", atMost: 3000 },
  { key: "startPauseMs", name: "longest pause until then", unit: "ms", atMost: 100 },
  { key: "changeMedianMs", name: "one change, median", unit: "ms", atMost: 150 },
  { key: "changeWorstMs", name: "one change, worst", unit: "ms" },
  { key: "changePauseMs", name: "longest pause meanwhile", unit: "ms", atMost: 100 },
  { key: "rssReadyMb", name: "RSS when ready", unit: "MB" },
  { key: "rssIdleMb", name: "RSS idle", unit: "MB", atMost: 120 },
  { key: "idleCpu", name: "CPU idle", unit: "%", atMost: 0.75 },
  { key: "beatCpu", name: "CPU, 50 heartbeats a second", unit: "%" },
  { key: "churnCpu", name: "CPU, 50 moves a second", unit: "%" },
  { key: "churnRssMb", name: "RSS, 50 moves a second", unit: "MB" },
  { key: "churnLagMs", name: "one change after that", unit: "ms" },
  { key: "peakRssMb", name: "RSS, peak", unit: "MB" },
];

const { values } = parseArgs({
  options: {
    json: { type: "string" },
    large: { type: "boolean", default: false },
    gate: { type: "boolean", default: false },
  },
});

const SCENARIOS = values.large ? [LARGE] : USUAL;
const path = values.json ?? `bench/scale${values.large ? "-large" : ""}-results.json`;
makeUplink();
const results: ScaleResult[] = [];
for (const scenario of SCENARIOS) {
  console.error(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${scenario.name}`);
  results.push(await measureScale(scenario));
}
const machine = describeMachine();
writeFileSync(path, `${JSON.stringify({ machine, scenarios: SCENARIOS, results }, undefined, 1)}\n`);

const rows = FIGURES.map(({ key, name, unit }) => [
  name,
  ...results.map(({ [key]: value }) => `${value.toFixed(value < 10 ? 2 : 0)} ${unit}`),
]);
console.log(alignColumns([["", ...SCENARIOS.map(({ name }) => name)], ...rows]));
console.log(`Node objects of 15 KB. CPU in percent of one core. Machine: ${machine}.\n`);
const [first] = values.large ? [] : results;
const promised = FIGURES.flatMap(({ key, name, unit, atMost }): Figure[] =>
  first === undefined || atMost === undefined ? [] : [{ name, unit, atMost, value: first[key] }],
);
process.exitCode = showVerdicts(judgeFigures(promised), values.gate);
