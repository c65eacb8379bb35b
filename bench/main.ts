import { writeFileSync } from "node:fs";
import { measureAtOnce } from "./at-once.ts";
import { COMMAND_BUDGETS } from "./budgets.ts";
import type { Row } from "./collector.ts";
import { measureColdStart } from "./cold-start.ts";
import { measureFullNodes } from "./full-node.ts";
import { judge } from "./judge.ts";
import { describeMachine, enterMachine } from "./machine.ts";
import { measureOneByOne } from "./one-by-one.ts";
import { BUDGET_PODS, type Options, parseOptions } from "./options.ts";
import type { Program } from "./program.ts";
import { type Programs, startPrograms } from "./programs.ts";
import { runBench, showProgress, showVerdicts } from "./run-bench.ts";
import { runOneByOne } from "./run-program.ts";
import { checkSameState } from "./same-state.ts";
import { median } from "./statistics.ts";
import { formatTable, summarizeRows } from "./table.ts";

/** How many pods come at once, besides all of them. */
const SMALL_BURST = 10;

await runBench(main);

/** Exit code: 0 done, 1 a budget was missed and --gate given. Throws when something cannot be measured. */
async function main([plugins = "", ...args]: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  enterMachine();
  showProgress("Making hosts and pods");
  const programs = await startPrograms(options.pods, plugins);
  let rows: Row[];
  try {
    rows = await measure(programs, options);
  } finally {
    for (const program of [...allOf(programs), ...programs.idle]) await program.close();
  }
  const summaries = summarizeRows(rows);
  const verdicts = options.pods === BUDGET_PODS ? judge(rows, COMMAND_BUDGETS) : [];
  const [machine, noise] = [describeMachine(), noiseOf(rows)];
  writeFileSync(
    options.jsonPath,
    `${JSON.stringify({ machine, options, noise, summaries, verdicts, rows }, undefined, 1)}\n`,
  );
  console.log(`${formatTable(summaries)}\n\n${describeRun(options, noise, machine)}\n`);
  return showVerdicts(verdicts, options.gate);
}

/**
 * Measures everything, the programs in turn within each round. Throws when a run fails or leaves the wrong
 * number of links.
 */
async function measure(
  { compared, filled, idle, startCold }: Programs,
  { pods, rounds, bursts }: Options,
): Promise<Row[]> {
  const common = {
    programs: compared,
    ours: "causeway",
    oursDualStack: "causeway-dual",
    onProgress: showProgress,
  };
  const program = (id: string): Program => find(compared, id);
  warmUp(allOf({ compared, filled }));
  const single = measureOneByOne({
    ...common,
    pods,
    rounds,
    onAttached() {
      checkSameState(program("causeway"), program("floor"));
      checkSameState(program("causeway-dual"), program("floor-dual"));
    },
  });
  return [
    ...single,
    ...measureAtOnce({ ...common, concurrency: Math.min(SMALL_BURST, pods), rounds: 2 * bursts }),
    ...measureAtOnce({ ...common, concurrency: pods, rounds: bursts }),
    ...(await measureColdStart({
      floor: program("floor"),
      pods,
      rounds,
      start: startCold,
      idle,
      onProgress: showProgress,
    })),
    ...measureFullNodes({ filled, rounds, onProgress: showProgress }),
  ];
}

/** Bridges are made, programs are in the page cache, and just-in-time compilers have seen each command. */
function warmUp(programs: readonly Program[]): void {
  for (const program of programs) {
    for (const command of ["VERSION", "ADD", ...program.answers, "DEL"] as const)
      runOneByOne(program, command, [0]);
  }
}

function allOf({ compared, filled }: Pick<Programs, "compared" | "filled">): readonly Program[] {
  return [...compared, ...filled.map(({ program }) => program)];
}

function find(programs: readonly Program[], id: string): Program {
  const program = programs.find((candidate) => candidate.id === id);
  if (program === undefined) throw new RangeError(`Cannot find program "${id}"`);
  return program;
}

/** By how much the slowest round of the empty program was slower than the fastest, in percent. */
function noiseOf([version]: readonly Row[]): number {
  const medians = (version?.measurements[0]?.rounds ?? []).map(median);
  return (Math.max(...medians) / Math.min(...medians) - 1) * 100;
}

function describeRun({ pods, rounds, bursts }: Options, noise: number, machine: string): string {
  return [
    `Milliseconds from starting the process to its end. ${pods} pods, ${rounds} rounds, ${bursts} bursts, the programs in turn in each; n values, (lowest–highest ratio of a round).`,
    "Some are measured with fewer pods and bursts, which does them no harm: they become slower with every pod. Ratios are of rounds that both had.",
    `Baseline: the first line of each row. Noise: the empty program's median differed by ${noise.toFixed(0)} % between rounds.`,
    `Machine: ${machine}.`,
  ].join("\n");
}
