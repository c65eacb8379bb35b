import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COLUMNS, findDocumentFaults, MAX_WORDS, MEAN_WORDS } from "./document-prose.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const DOCUMENTS = ["*.md", "docs/**/*.md"]
  .flatMap((pattern) => globSync(pattern, { cwd: REPOSITORY }))
  .filter((document) => document !== "CHANGELOG.md");

for (const document of DOCUMENTS)
  test(`${document} is plain prose: short sentences, active verbs, no riddles, lines of ${COLUMNS} columns`, () => {
    const faults = findDocumentFaults(readFileSync(join(REPOSITORY, document), "utf8"));
    assert.deepEqual(
      faults.map(({ line, fault }) => `${document}:${line}: ${fault}`),
      [],
    );
  });

const words = (count: number): string => `${"word ".repeat(count - 1)}word.`;

for (const [name, text, count] of [
  ["a riddle", "An oldest word about nodes.", 1],
  ["a riddle in a cell", "| a | b |\n|---|---|\n| c | Nobody knows it |", 1],
  ["one long sentence", words(MAX_WORDS + 1), 2],
  ["long sentences", `${words(MEAN_WORDS + 1)}\n\n`.repeat(12), 13],
  ["sentences in the passive", "The link is deleted by the agent.\n\n".repeat(12), 1],
  ["a wide line", "word ".repeat(21), 1],
] as const)
  test(`findDocumentFaults() finds ${name}`, () => {
    assert.equal(findDocumentFaults(text).length, count);
  });

for (const [name, text] of [
  ["code", `\`\`\`\n${"nobody ".repeat(50)}\n\`\`\``],
  ["a wide table", `| a |\n|---|\n| ${"word. ".repeat(60)} |`],
  ["a line that is one code span", `- \`${"long ".repeat(30)}\``],
  ["a sentence with code of many words", `Run\n\`${"a ".repeat(60).trim()}\`.`],
] as const)
  test(`findDocumentFaults() passes ${name}`, () => {
    assert.deepEqual(findDocumentFaults(text), []);
  });
