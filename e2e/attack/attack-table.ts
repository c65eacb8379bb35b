import { type Attack, type AttackGroup, type Cell, FAMILIES, NO_CELL, PLACES_OF_VICTIMS } from "./attack.ts";

/** What a cell says of an attack that was made, or is. */
export type Outcome = (attack: Attack, cell: Cell) => string;

const COLUMNS: readonly Cell[] = FAMILIES.flatMap((family) =>
  PLACES_OF_VICTIMS.map((place) => ({ family, place })),
);

const PLACE_NAMES = { node: "one node", direct: "direct", vxlan: "VXLAN" } as const;

/**
 * All attacks as a table of Markdown: a row for each, a column for each way to the victim; below it those on
 * the agent itself.
 */
export function formatAttackTable(groups: readonly AttackGroup[], outcome: Outcome): string {
  const attacks = groups.flatMap((group) => group.attacks);
  const onPackets = attacks.filter(({ cells }) => cells.length > 0);
  const onAgent = attacks.filter(({ cells }) => cells.length === 0);
  const columns = COLUMNS.map(({ family, place }) => `IPv${family} ${PLACE_NAMES[place]}`);
  return [
    row(["attack", ...columns]),
    row(["---", ...columns.map(() => "---")]),
    ...onPackets.map((attack) =>
      row([attack.title, ...COLUMNS.map((cell) => signOf(attack, cell, outcome))]),
    ),
    "",
    row(["attack on the agent", ""]),
    row(["---", "---"]),
    ...onAgent.map((attack) => row([attack.title, outcome(attack, NO_CELL)])),
    "",
  ].join("\n");
}

function signOf(attack: Attack, { family, place }: Cell, outcome: Outcome): string {
  const isMade = attack.cells.some((cell) => cell.family === family && cell.place === place);
  return isMade ? outcome(attack, { family, place }) : "";
}

function row(columns: readonly string[]): string {
  return `| ${columns.map((column) => column.replaceAll("|", "\\|")).join(" | ")} |`;
}
