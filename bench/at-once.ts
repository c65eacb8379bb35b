import { createCollector, type Row } from "./collector.ts";
import type { Program } from "./program.ts";
import { checkAttachments, runAtOnce } from "./run-program.ts";
import { inTurn, slice } from "./turns.ts";

export interface AtOnceInput {
  /** Those of one family and those of both, each with its baseline first. */
  readonly programs: readonly Program[];
  readonly ours: string;
  readonly oursDualStack: string;
  /** How many pods come, and go, at the same time. */
  readonly concurrency: number;
  readonly rounds: number;
  readonly onProgress: (what: string) => void;
}

/** Pods that come at once, and go at once, from the start of the first process to the end of the last. */
export function measureAtOnce(input: AtOnceInput): Row[] {
  const { programs, ours, oursDualStack, concurrency, rounds, onProgress } = input;
  const { collect, measurements } = createCollector();
  const pods = slice(concurrency, 0, 1);
  for (let round = 0; round < rounds; round++) {
    onProgress(`${concurrency} at once, ${round + 1} of ${rounds}`);
    const due = inTurn(programs, round).filter(({ share }) => round < Math.ceil(rounds * share));
    for (const command of ["ADD", "DEL"] as const) {
      for (const program of due) {
        collect({ program, command, round, valuesMs: [runAtOnce(program, command, pods)] });
        checkAttachments(program, command === "ADD" ? concurrency : 0);
      }
    }
  }
  return (["ADD", "DEL"] as const).flatMap((command) =>
    [false, true].map((isDualStack) => ({
      name: `${command}, ${concurrency} at once, total${isDualStack ? ", dual stack" : ""}`,
      ours: isDualStack ? oursDualStack : ours,
      measurements: measurements(
        programs.filter((program) => program.isDualStack === isDualStack),
        command,
      ),
    })),
  );
}
