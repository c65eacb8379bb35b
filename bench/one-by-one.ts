import { createCollector, type Row } from "./collector.ts";
import type { Command, Program } from "./program.ts";
import { checkAttachments, runOneByOne } from "./run-program.ts";
import { inTurn, slice } from "./turns.ts";

export interface OneByOneInput {
  /** Those of one family and those of both, each with its baseline first. */
  readonly programs: readonly Program[];
  readonly ours: string;
  readonly oursDualStack: string;
  readonly pods: number;
  readonly rounds: number;
  readonly onProgress: (what: string) => void;
  /** Called once when every program has made all its attachments. */
  readonly onAttached: () => void;
}

/**
 * Every command for one pod after the other. VERSION is measured in every round of ADD and DEL: its baseline
 * shows the noise of the whole time.
 */
export function measureOneByOne(input: OneByOneInput): Row[] {
  const { programs, ours, oursDualStack, pods, rounds, onProgress, onAttached } = input;
  const { collect, measurements } = createCollector();
  for (const command of ["ADD", "CHECK", "STATUS", "DEL"] as const) {
    onProgress(`${command} one by one`);
    const able = programs.filter((program) => canAnswer(program, command));
    for (let round = 0; round < rounds; round++) {
      for (const program of inTurn(able, round)) {
        const turn = slice(podsOf(program, pods), round, rounds);
        const takesVersion = command === "ADD" || command === "DEL";
        for (const each of takesVersion ? (["VERSION", command] as const) : [command]) {
          collect({ program, command: each, round, valuesMs: runOneByOne(program, each, turn) });
        }
      }
    }
    for (const program of programs) checkAttachments(program, command === "DEL" ? 0 : podsOf(program, pods));
    if (command === "ADD") onAttached();
  }
  const row = (command: Command, isDualStack: boolean): Row => ({
    name: `${command}, one by one${isDualStack ? ", dual stack" : ""}`,
    ours: isDualStack ? oursDualStack : ours,
    measurements: measurements(
      programs.filter((program) => program.isDualStack === isDualStack && canAnswer(program, command)),
      command,
    ),
  });
  return [
    row("VERSION", false),
    row("STATUS", false),
    row("ADD", false),
    row("ADD", true),
    row("CHECK", false),
    row("DEL", false),
    row("DEL", true),
  ];
}

function canAnswer({ answers }: Program, command: Command): boolean {
  return (command !== "CHECK" && command !== "STATUS") || answers.includes(command);
}

/** How many of the pods a program gets. */
function podsOf({ share }: Program, pods: number): number {
  return Math.ceil(pods * share);
}
