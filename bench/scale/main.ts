import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { describeMachine } from "../machine.ts";
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
const FIGURES: readonly { key: keyof ScaleResult; text: string; unit: string; atMost?: number }[] = [
  { key: "startToReadyMs", text: "start to ready", unit: "ms" },
  { key: "listToRoutesMs", text: "list to all routes in the kernel", unit: "ms", atMost: 3000 },
  { key: "startPauseMs", text: "longest pause until then", unit: "ms", atMost: 100 },
  { key: "changeMedianMs", text: "one change, median", unit: "ms", atMost: 150 },
  { key: "changeWorstMs", text: "one change, worst", unit: "ms" },
  { key: "changePauseMs", text: "longest pause meanwhile", unit: "ms", atMost: 100 },
  { key: "rssReadyMb", text: "RSS when ready", unit: "MB" },
  { key: "rssIdleMb", text: "RSS idle", unit: "MB", atMost: 120 },
  { key: "idleCpu", text: "CPU idle", unit: "%", atMost: 0.5 },
  { key: "beatCpu", text: "CPU, 50 heartbeats a second", unit: "%" },
  { key: "churnCpu", text: "CPU, 50 moves a second", unit: "%" },
  { key: "churnRssMb", text: "RSS, 50 moves a second", unit: "MB" },
  { key: "churnLagMs", text: "one change after that", unit: "ms" },
  { key: "peakRssMb", text: "RSS, peak", unit: "MB" },
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

let missed = 0;
console.log(["".padEnd(36), ...SCENARIOS.map(({ name }) => name.padStart(22))].join(""));
for (const { key, text, unit, ...budget } of FIGURES) {
  const atMost = values.large ? undefined : budget.atMost;
  const numbers = results.map((result) => result[key]);
  const cells = numbers.map((value) => `${value.toFixed(value < 10 ? 2 : 0)} ${unit}`.padStart(22));
  const isMet = atMost === undefined || (numbers[0] ?? 0) <= atMost;
  const verdict = atMost === undefined ? "" : `   ${isMet ? "met" : "missed"}: at most ${atMost} ${unit}`;
  if (!isMet) missed++;
  console.log(text.padEnd(36) + cells.join("") + verdict);
}
console.log(`Node objects of 15 KB. CPU in percent of one core. Machine: ${machine}.`);
process.exitCode = values.gate && missed > 0 ? 1 : 0;
