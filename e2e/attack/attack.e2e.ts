import { after, before, describe, test } from "node:test";
import { type Attack, type Cell, describeCell, NO_CELL } from "./attack.ts";
import { type AttackLab, createAttackLab } from "./attack-lab.ts";
import { formatAttackTable } from "./attack-table.ts";
import { GROUPS } from "./groups.ts";

const chosen = new RegExp(process.env["ATTACKS"] ?? "");
const groups = GROUPS.filter(({ title }) => chosen.test(title));

describe("attack", () => {
  const held = new Set<string>();
  const keyOf = (attack: Attack, cell: Cell): string => `${attack.title}: ${describeCell(cell)}`;
  let lab: AttackLab | undefined;
  const getLab = (): AttackLab => {
    if (lab === undefined) throw new Error("The lab could not be made");
    return lab;
  };

  before(async () => {
    lab = await createAttackLab();
  });
  after(async () => {
    const outcome = (attack: Attack, cell: Cell): string => (held.has(keyOf(attack, cell)) ? "held" : "OPEN");
    console.log(`\n${formatAttackTable(groups, outcome)}`);
    await lab?.close();
  });

  for (const { title, attacks, end } of groups) {
    describe(title, () => {
      after(() => end?.());
      for (const attack of attacks) {
        for (const cell of attack.cells.length === 0 ? [NO_CELL] : attack.cells) {
          test(attack.cells.length === 0 ? attack.title : keyOf(attack, cell), async () => {
            await attack.run(getLab(), cell);
            held.add(keyOf(attack, cell));
          });
        }
      }
    });
  }
});
