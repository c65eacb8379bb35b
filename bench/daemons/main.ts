import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { describeMachine, enterMachine } from "../machine.ts";
import { runBench, showProgress } from "../run-bench.ts";
import { makeUplink } from "../scale/measure.ts";
import { alignColumns } from "../table.ts";
import { causeway, flannel, type Way } from "./daemons.ts";
import { clearNode, type DaemonResult, measureDaemon } from "./measure.ts";

const CLUSTERS: readonly { readonly nodes: number; readonly way: Way }[] = [
  { nodes: 100, way: "direct" },
  { nodes: 100, way: "VXLAN" },
  { nodes: 5000, way: "direct" },
];

const FIGURES: readonly { readonly key: keyof DaemonResult; readonly text: string; readonly unit: string }[] =
  [
    { key: "startMs", text: "start to all routes in the kernel", unit: "ms" },
    { key: "changeMedianMs", text: "a new node, to the route: median", unit: "ms" },
    { key: "rssMb", text: "RSS idle", unit: "MB" },
    { key: "anonMb", text: "of it not mapped from files", unit: "MB" },
    { key: "idleCpu", text: "CPU idle", unit: "%" },
  ];

await runBench(main);

async function main([flanneld = "", ...args]: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "string", default: "bench/daemons-results.json" },
      nodes: { type: "string" },
      changes: { type: "string", default: "30" },
      idle: { type: "string", default: "60" },
    },
  });
  enterMachine();
  makeUplink();
  const lines: string[][] = [];
  const results: object[] = [];
  const wanted = CLUSTERS.filter(({ nodes }) => values.nodes === undefined || nodes === Number(values.nodes));
  for (const { nodes, way } of wanted) {
    const input = { nodes, way, changes: Number(values.changes), idleS: Number(values.idle) };
    const measured: DaemonResult[] = [];
    const daemons = [causeway, flannel(flanneld)];
    for (const daemon of daemons) {
      showProgress(`${nodes} nodes, ${way}: ${daemon.name}`);
      measured.push(await measureDaemon(daemon, input));
      clearNode();
    }
    results.push({
      nodes,
      way,
      results: Object.fromEntries(daemons.map(({ name }, i) => [name, measured[i]])),
    });
    lines.push([`${nodes} nodes, ${way}`, ...daemons.map(({ name }) => name)]);
    for (const { key, text, unit } of FIGURES)
      lines.push([`  ${text}`, ...measured.map((one) => `${format(one[key])} ${unit}`)]);
  }
  writeFileSync(values.json, `${JSON.stringify({ machine: describeMachine(), results }, undefined, 1)}\n`);
  console.log(alignColumns(lines));
  console.log(`Node objects of 15 KB. CPU in percent of one core. Machine: ${describeMachine()}.`);
  return 0;
}

function format(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}
