import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { formatAttackTable } from "./attack-table.ts";
import { GROUPS } from "./groups.ts";

const DOCUMENT = new URL("../../docs/security.md", import.meta.url);
const [BEGIN, END] = ["<!-- attacks: begin -->\n", "<!-- attacks: end -->\n"];

/** UPDATE_DOCS=1 writes the table into the document instead. */
test("docs/security.md lists exactly the attacks that the suite makes, in the cells in which it makes them", () => {
  const text = readFileSync(DOCUMENT, "utf8");
  const [begin, end] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  assert.ok(begin >= BEGIN.length && end >= begin, "the document has both marks");
  const table = `\n${formatAttackTable(GROUPS, () => "held")}\n`;
  const wanted = `${text.slice(0, begin)}${table}${text.slice(end)}`;
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(DOCUMENT, wanted);
  else assert.equal(text, wanted, "run UPDATE_DOCS=1 npm run test:unit, and read what it writes");
});

test("every attack has a title of its own", () => {
  const titles = GROUPS.flatMap(({ attacks }) => attacks.map(({ title }) => title));
  assert.deepEqual([...new Set(titles)], titles);
});
