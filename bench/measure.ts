import { launch } from "./launch.ts";
import { show } from "./machine.ts";
import type { Command, Program } from "./program.ts";

/** Milliseconds of one program in one row, by round. */
export interface Measurement {
  readonly id: string;
  readonly name: string;
  readonly roundsMs: readonly (readonly number[])[];
}

export interface Row {
  readonly name: string;
  /** Of the first one the others are multiples. */
  readonly measurements: readonly Measurement[];
}

export interface MeasureInput {
  /** The first one is the baseline of the others. */
  readonly programs: readonly Program[];
  readonly pods: number;
  readonly rounds: number;
  readonly bursts: number;
  readonly onProgress: (what: string) => void;
  /** Called once when every program has made all its attachments. */
  readonly onAttached: () => void;
}

type Collect = (program: Program, command: Command, round: number, values: readonly number[]) => void;

/** Measures everything, the programs in turn within each round. Throws when a run fails or leaves the wrong number of links. */
export function measure(input: MeasureInput): Row[] {
  const { programs, pods, rounds, bursts, onProgress, onAttached } = input;
  warmUp(programs);
  const single = createCollector();
  for (const command of ["ADD", "DEL"] as const) {
    onProgress(`${command} one by one`);
    for (let round = 0; round < rounds; round++) {
      const turn = slice(pods, round, rounds);
      measureTurn({ programs, command, round, turn, collect: single.collect });
    }
    checkLinks(programs, command === "ADD" ? pods : 0);
    if (command === "ADD") onAttached();
  }
  const burst = createCollector();
  for (let round = 0; round < bursts; round++) {
    onProgress(`All at once, ${round + 1} of ${bursts}`);
    for (const command of ["ADD", "DEL"] as const) {
      for (const program of inTurn(programs, round)) {
        burst.collect(program, command, round, [runAtOnce(program, command, pods)]);
      }
      checkLinks(programs, command === "ADD" ? pods : 0);
    }
  }
  return [
    { name: "VERSION, one by one", measurements: single.measurements(programs, "VERSION") },
    { name: "ADD, one by one", measurements: single.measurements(programs, "ADD") },
    { name: "DEL, one by one", measurements: single.measurements(programs, "DEL") },
    { name: `ADD, ${pods} at once, total`, measurements: burst.measurements(programs, "ADD") },
    { name: `DEL, ${pods} at once, total`, measurements: burst.measurements(programs, "DEL") },
  ];
}

/** Bridges are made, programs are in the page cache, and just-in-time compilers have seen each command. */
function warmUp(programs: readonly Program[]): void {
  for (const program of programs) {
    for (const command of ["VERSION", "ADD", "DEL"] as const) runOneByOne(program, command, [0]);
  }
}

interface Turn {
  readonly programs: readonly Program[];
  readonly command: "ADD" | "DEL";
  readonly round: number;
  /** The pods of this round. */
  readonly turn: readonly number[];
  readonly collect: Collect;
}

/** VERSION is measured in every round of both commands, so that its baseline shows the noise of the whole time. */
function measureTurn({ programs, command, round, turn, collect }: Turn): void {
  for (const program of inTurn(programs, round)) {
    collect(program, "VERSION", round, runOneByOne(program, "VERSION", turn));
    collect(program, command, round, runOneByOne(program, command, turn));
  }
}

function runOneByOne(program: Program, command: Command, pods: readonly number[]): number[] {
  const runs = pods.map((pod) => program.run(command, pod));
  const times = launch({ netns: program.host.netns, concurrency: 1, runs });
  return times.map(({ startNs, endNs }) => (endNs - startNs) / 1e6);
}

/** From the start of the first to the end of the last. */
function runAtOnce(program: Program, command: Command, pods: number): number {
  const runs = Array.from({ length: pods }, (_, pod) => program.run(command, pod));
  const times = launch({ netns: program.host.netns, concurrency: pods, runs });
  return Math.max(...times.map(({ endNs }) => endNs)) / 1e6;
}

/** A program that is always first would always meet the caches of the one that is always last. */
function inTurn(programs: readonly Program[], round: number): Program[] {
  const start = round % programs.length;
  return [...programs.slice(start), ...programs.slice(0, start)];
}

/** The numbers below `count` that belong to one of `parts` equal parts. */
function slice(count: number, part: number, parts: number): number[] {
  const start = Math.floor((count * part) / parts);
  const end = Math.floor((count * (part + 1)) / parts);
  return Array.from({ length: end - start }, (_, index) => start + index);
}

function checkLinks(programs: readonly Program[], want: number): void {
  for (const { name, host, bridge } of programs) {
    const got = show(host.netns, "ip", "link", "show", "master", bridge).length;
    if (got !== want) throw new Error(`Cannot trust ${name("ADD")}: ${got} pods are attached, not ${want}`);
  }
}

function createCollector(): {
  readonly collect: Collect;
  readonly measurements: (programs: readonly Program[], command: Command) => Measurement[];
} {
  const values = new Map<string, number[][]>();
  return {
    collect(program, command, round, measuredMs) {
      const key = `${program.id} ${command}`;
      const roundsMs = values.get(key) ?? [];
      (roundsMs[round] ??= []).push(...measuredMs);
      values.set(key, roundsMs);
    },
    measurements: (programs, command) =>
      programs.map(({ id, name }) => {
        return { id, name: name(command), roundsMs: values.get(`${id} ${command}`) ?? [] };
      }),
  };
}
