import type { Masquerade } from "../../diagnosis/path-observation.ts";
import { messageOf } from "../../lib/errors.ts";
import { familyOf } from "../../net/address.ts";
import { TABLE_NAME } from "../../plan/nft/nft-table.ts";
import type { TableQuestions } from "../../kernel/read/table-questions.ts";

interface Translated {
  readonly source: string;
  readonly destination: string;
}

/** What our tables do to the source of a packet that leaves the cluster. */
export async function observeMasquerade(
  tables: TableQuestions,
  { source, destination }: Translated,
): Promise<Masquerade> {
  try {
    return await readMasquerade(tables, { source, destination });
  } catch (error) {
    return { kind: "unknown", reason: messageOf(error) };
  }
}

async function readMasquerade(
  tables: TableQuestions,
  { source, destination }: Translated,
): Promise<Masquerade> {
  const family = familyOf(source);
  const pods = await tables.element(`pods${family}`, [source]);
  if (pods.kind === "no set") {
    // The sets of host ports are there in any case: without them the whole table is gone.
    const table = await tables.element(`ports${family}`, ["tcp", 1]);
    if (table.kind === "no set") return { kind: "broken", reason: `table inet ${TABLE_NAME} is missing` };
    return { kind: "off" };
  }
  if (pods.kind === "absent") return { kind: "broken", reason: `set pods${family} lacks ${source}` };
  const rules = await tables.ruleComments("postrouting");
  if (!rules.some((comment) => comment.startsWith(`masquerade${family} `)))
    return { kind: "broken", reason: "the rule of chain postrouting is missing" };
  const inside = await tables.element(`inside${family}`, [destination]);
  if (inside.kind === "no set") return { kind: "broken", reason: `set inside${family} is missing` };
  return { kind: inside.kind === "present" ? "inside" : "masqueraded" };
}
