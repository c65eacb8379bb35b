import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { FOOTPRINT_BUDGETS } from "../budgets.ts";
import { startCauseway } from "../causeway.ts";
import { judge } from "../judge.ts";
import { describeMachine, enterMachine, makeHost } from "../machine.ts";
import { createReference, newestOf, parseReleases, type Release } from "../reference.ts";
import { runBench, showVerdicts } from "../run-bench.ts";
import { run } from "../run-program.ts";
import { formatTable, type RowSummary, summarizeRows } from "../table.ts";
import { type Figure, formatFigures, judgeFigures } from "./figures.ts";
import { cpuOfAdds, measureRunning } from "./running.ts";
import { measureSizes } from "./sizes.ts";
import { measureStart } from "./start.ts";

const POD_CIDRS = ["10.244.0.0/22"] as const;

/** Attachments of the full node. */
const PODS = 250;

/** ADDs of a reference plugin, from which those of a thousand follow: it keeps nothing between them. */
const REFERENCE_PODS = 50;

await runBench(main);

/** Exit code: 0 done, 1 a budget was missed and --gate given. */
async function main([plugins = "", ...args]: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "9" },
      idle: { type: "string", default: "60" },
      json: { type: "string", default: "bench/footprint-results.json" },
      gate: { type: "boolean", default: false },
    },
  });
  enterMachine();
  const releases = parseReleases(plugins);
  const pods = Array.from({ length: PODS }, (_, pod) => pod);
  const common = { empty: makeHost("empty", 0, 1), full: makeHost("full", 1, PODS), podCIDRs: POD_CIDRS };
  const filler = await startCauseway({ id: "full", host: common.full, podCIDRs: POD_CIDRS });
  run({ program: filler, command: "ADD", pods, concurrency: 20 });
  await filler.close();
  const rows = [
    await measureStart({
      ...common,
      fullName: `Causeway, ${PODS} attachments`,
      rounds: Number(values.rounds),
    }),
  ];
  const summaries = summarizeRows(rows);
  const figures = [
    startFigure(summaries),
    ...(await measureRunning({ ...common, pods, attached: filler, idleS: Number(values.idle) })),
    ...[...releases].map(([name, release], index) => measureReference(name, release, index + 2)),
    ...measureSizes(newestOf(releases)),
  ];
  const verdicts = [...judge(rows, FOOTPRINT_BUDGETS), ...judgeFigures(figures)];
  const machine = describeMachine();
  writeFileSync(values.json, `${JSON.stringify({ machine, summaries, figures, verdicts }, undefined, 1)}\n`);
  console.log(`${formatTable(summaries)}\n\n${formatFigures(figures)}\n`);
  console.log(`Times in milliseconds. CPU in percent of one core. Machine: ${machine}.\n`);
  return showVerdicts(verdicts, values.gate);
}

function startFigure(summaries: readonly RowSummary[]): Figure {
  const value = summaries[0]?.lines.find(({ id }) => id === "full")?.median ?? Number.NaN;
  return { name: `start to ready, ${PODS} attachments, median`, value, unit: "ms", atMost: 600 };
}

function measureReference(name: string, release: Release, hostNumber: number): Figure {
  const program = createReference({
    id: name,
    release,
    plugin: "bridge",
    ipMasq: "iptables",
    host: makeHost(name, hostNumber, REFERENCE_PODS),
    podCIDRs: POD_CIDRS,
    share: 1,
  });
  const pods = Array.from({ length: REFERENCE_PODS }, (_, pod) => pod);
  const seconds = cpuOfAdds(program, pods) / REFERENCE_PODS;
  return { name: `CPU of 1,000 ADDs: ${program.name("ADD")}`, value: seconds, unit: "s" };
}
