import type { Command, Program } from "./program.ts";

/**
 * Values of one program in one row, by round; a round in which it was not measured is empty. Milliseconds,
 * but for rows that say otherwise.
 */
export interface Measurement {
  readonly id: string;
  readonly name: string;
  readonly rounds: readonly (readonly number[])[];
}

export interface Row {
  readonly name: string;
  /** Id of the measurement that is ours: the others are compared with it. */
  readonly ours: string;
  /** Of the first one the others are multiples. */
  readonly measurements: readonly Measurement[];
}

export interface Sample {
  readonly program: Program;
  readonly command: Command;
  readonly round: number;
  readonly valuesMs: readonly number[];
}

export interface Collector {
  readonly collect: (sample: Sample) => void;
  /** What was collected of a command, for the programs in this order. */
  readonly measurements: (programs: readonly Program[], command: Command) => Measurement[];
}

/** Keeps the values of all programs and commands until rows are made of them. */
export function createCollector(): Collector {
  const values = new Map<string, number[][]>();
  return {
    collect({ program, command, round, valuesMs }) {
      const key = `${program.id} ${command}`;
      const rounds = values.get(key) ?? [];
      while (rounds.length <= round) rounds.push([]);
      rounds[round]?.push(...valuesMs);
      values.set(key, rounds);
    },
    measurements: (programs, command) =>
      programs.map(({ id, name }) => {
        return { id, name: name(command), rounds: values.get(`${id} ${command}`) ?? [] };
      }),
  };
}
