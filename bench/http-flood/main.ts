import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { startCauseway } from "../causeway.ts";
import { type Figure, formatFigures } from "../footprint/figures.ts";
import { describeMachine, enterMachine, makeHost } from "../machine.ts";
import { runBench, showProgress, showVerdicts } from "../run-bench.ts";
import { runOneByOne } from "../run-program.ts";
import { judgeLoad, type LoadFigures, summarizeLoad } from "./judge-load.ts";
import { type Load, LOADS } from "./loads.ts";
import { measureRound, type Round } from "./measure.ts";

/** One for the load, the others come and go. */
const PODS = 101;

await runBench(main);

/** Exit code: 0 done, 1 a budget was missed and --gate given. */
async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "3" },
      json: { type: "string", default: "bench/http-flood-results.json" },
      gate: { type: "boolean", default: false },
    },
  });
  enterMachine();
  const host = makeHost("flood", 0, PODS);
  const agent = await startCauseway({ id: "flood", host, podCIDRs: ["10.244.0.0/22"] });
  const [first = 0, ...pods] = host.podNetns.keys();
  runOneByOne(agent, "ADD", [first]);
  const loads = Object.keys(LOADS) as Load[];
  const rounds = new Map<Load | "none", Round[]>();
  // The first ADDs of an agent are slower than all later ones.
  await measureRound(agent, undefined, pods);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const load of ["none", ...loads] as const) {
      showProgress(`round ${round + 1}: ${load}`);
      const measured = await measureRound(agent, load === "none" ? undefined : load, pods);
      rounds.set(load, [...(rounds.get(load) ?? []), measured]);
    }
  }
  await agent.close();
  const quiet = rounds.get("none") ?? [];
  const judged = loads.map((load) => {
    const { text } = LOADS[load];
    const loaded = rounds.get(load) ?? [];
    const whole = summarizeLoad(text, loaded, quiet);
    const each = loaded.map((round, index) => summarizeLoad(text, [round], quiet.slice(index, index + 1)));
    return { whole, verdicts: judgeLoad(whole, each) };
  });
  const summaries = judged.map(({ whole }) => whole);
  const verdicts = judged.flatMap((load) => load.verdicts);
  const machine = describeMachine();
  writeFileSync(values.json, `${JSON.stringify({ machine, summaries, verdicts }, undefined, 1)}\n`);
  console.log(`${formatFigures(summaries.flatMap(figuresOf))}\n`);
  console.log(`ADD as a part of the same without load. CPU in percent of one core. Machine: ${machine}.\n`);
  return showVerdicts(verdicts, values.gate);
}

function figuresOf({ text, ...figures }: LoadFigures): Figure[] {
  const { addMedianRatio, addP99Ratio, probeMaxMs, grownMb, cpuPercent } = figures;
  return [
    { name: `${text}: ADD, median`, value: 100 * addMedianRatio, unit: "%" },
    { name: `${text}: ADD, p99`, value: 100 * addP99Ratio, unit: "%" },
    { name: `${text}: probe, slowest`, value: probeMaxMs, unit: "ms" },
    { name: `${text}: memory, more at the peak`, value: grownMb, unit: "MB" },
    { name: `${text}: CPU of the agent`, value: cpuPercent, unit: "%" },
  ];
}
