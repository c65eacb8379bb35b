import { writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { parseCidr } from "../agent/net/cidr.ts";
import { type Budget, judge } from "./budgets.ts";
import { startCauseway } from "./causeway.ts";
import { createFloor } from "./floor.ts";
import { enterMachine, type Host, makeHost } from "./machine.ts";
import { measure, type Row } from "./measure.ts";
import { BUDGET_PODS, type Options, parseOptions } from "./options.ts";
import type { Program } from "./program.ts";
import { createReference, createReferenceWithPorts } from "./reference.ts";
import { checkSameState } from "./same-state.ts";
import { median } from "./statistics.ts";
import { formatTable, summarizeRows } from "./table.ts";

const POD_CIDR = "10.244.0.0/22";

const [FLOOR, CAUSEWAY, PORTS] = ["floor", "causeway", "causeway-ports"] as const;

/** Ratios of medians that the project has promised. */
const BUDGETS: readonly Budget[] = [
  { row: "VERSION, one by one", program: CAUSEWAY, of: FLOOR, atMost: 2 },
  { row: "ADD, one by one", program: CAUSEWAY, of: FLOOR, atMost: 3 },
  { row: "ADD, one by one", program: PORTS, of: CAUSEWAY, atMost: 2 },
  { row: "ADD, one by one", program: CAUSEWAY, of: "bookworm-masq", atMost: 1 / 10 },
  { row: "ADD, one by one", program: CAUSEWAY, of: "newest-masq", atMost: 1 / 10 },
];

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

/** Exit code: 0 done, 1 a budget was missed and --gate given. Throws when something cannot be measured. */
async function main([plugins = "", ...args]: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  enterMachine();
  const programs = await startPrograms(options, plugins);
  let rows: Row[];
  try {
    rows = measure({
      ...options,
      programs,
      onProgress: (what) => console.error(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${what}`),
      onAttached: () => checkSameState(programOf(programs, CAUSEWAY), programOf(programs, FLOOR)),
    });
  } finally {
    for (const program of programs) await program.close();
  }
  const summaries = summarizeRows(rows, CAUSEWAY);
  const verdicts = options.pods < BUDGET_PODS ? [] : judge(summaries, BUDGETS);
  const machine = `${cpus()[0]?.model}, ${cpus().length} CPUs, Linux ${release()}, Node ${process.version}`;
  writeFileSync(
    options.jsonPath,
    `${JSON.stringify({ machine, options, summaries, verdicts, rows }, undefined, 1)}\n`,
  );
  console.log(`${formatTable(summaries)}\n\n${describeRun(rows, options, machine)}\n`);
  for (const { text } of verdicts) console.log(text);
  return options.gate && verdicts.some(({ isMet }) => !isMet) ? 1 : 0;
}

function programOf(programs: readonly Program[], id: string): Program {
  const program = programs.find((candidate) => candidate.id === id);
  if (program === undefined) throw new RangeError(`Cannot find program "${id}"`);
  return program;
}

/** Each on a host of its own. `plugins` lists the reference plugins: NAME=VERSION=FOLDER, separated by commas. */
async function startPrograms({ pods }: Options, plugins: string): Promise<Program[]> {
  let hosts = 0;
  const hostOf = (id: string): Host => makeHost(id, hosts++, pods);
  const causeway = (id: string, hasPorts: boolean): Promise<Program> =>
    startCauseway({ id, host: hostOf(id), podCIDR: POD_CIDR, hasPorts });
  const podCidr = parseCidr(POD_CIDR);
  if (podCidr === undefined) throw new RangeError(`Cannot use PodCIDR "${POD_CIDR}"`);
  const references = plugins.split(",").flatMap((plugin) => {
    const [name = "", version = "", folder = ""] = plugin.split("=");
    const common = { version, folder, podCIDR: POD_CIDR };
    const plain = [true, false].map((ipMasq) => {
      const id = `${name}-${ipMasq ? "masq" : "plain"}`;
      return createReference({ ...common, id, ipMasq, host: hostOf(id) });
    });
    const id = `${name}-ports`;
    return plain.concat(createReferenceWithPorts({ ...common, id, host: hostOf(id) }));
  });
  return [
    createFloor(FLOOR, hostOf(FLOOR), podCidr),
    await causeway(CAUSEWAY, false),
    await causeway(PORTS, true),
    ...references,
  ];
}

function describeRun(rows: readonly Row[], options: Options, machine: string): string {
  const empty = rows[0]?.measurements[0]?.roundsMs ?? [];
  const medians = empty.map(median);
  const spread = (Math.max(...medians) / Math.min(...medians) - 1) * 100;
  return [
    `Milliseconds from starting the process to its end. ${options.pods} pods, ${options.rounds} rounds, ${options.bursts} bursts, the programs in turn in each; (lowest–highest ratio of a round).`,
    `Baseline: the first line of each row. Noise: the empty program's median differed by ${spread.toFixed(0)} % between rounds.`,
    `Machine: ${machine}.`,
  ].join("\n");
}
