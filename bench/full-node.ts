import { createCollector, type Row } from "./collector.ts";
import type { Program } from "./program.ts";
import { checkAttachments, run, runOneByOne } from "./run-program.ts";
import { inTurn } from "./turns.ts";

/** A program on a host that has so many attachments already. */
export interface FilledProgram {
  readonly program: Program;
  readonly present: number;
}

export interface FullNodeInput {
  /**
   * The first one is the baseline, and ours. Each has a host of its own, so that all fill levels take turns.
   */
  readonly filled: readonly FilledProgram[];
  readonly rounds: number;
  readonly onProgress: (what: string) => void;
}

/** Pods that come and go in each round, above those that stay. */
export const EXTRA_PODS = 5;

/** How many come at the same time while a node is filled, which is not measured. */
const FILL_CONCURRENCY = 20;

/**
 * ADD and DEL one by one on nodes with few and with many attachments. The attachments stay: nothing can be
 * measured on these hosts afterwards.
 */
export function measureFullNodes({ filled, rounds, onProgress }: FullNodeInput): Row[] {
  const { collect, measurements } = createCollector();
  for (const { program, present } of filled) {
    onProgress(`Filling: ${program.name("ADD")}`);
    const pods = Array.from({ length: present }, (_, pod) => pod);
    run({ program, command: "ADD", pods, concurrency: FILL_CONCURRENCY });
    checkAttachments(program, present);
  }
  onProgress("ADD and DEL on nodes with attachments");
  for (let round = 0; round < rounds; round++) {
    for (const { program, present } of inTurn(filled, round)) {
      const extra = Array.from({ length: EXTRA_PODS }, (_, index) => present + index);
      for (const command of ["ADD", "DEL"] as const) {
        collect({ program, command, round, valuesMs: runOneByOne(program, command, extra) });
      }
      checkAttachments(program, present);
    }
  }
  const programs = filled.map(({ program }) => program);
  return (["ADD", "DEL"] as const).map((command) => ({
    name: `${command}, with attachments on the node`,
    ours: programs[0]?.id ?? "",
    measurements: measurements(programs, command),
  }));
}
