import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hasTest, namedTests } from "./named-tests.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(join(REPOSITORY, file), "utf8");
const DOCUMENTS = ["README.md", "CONTRIBUTING.md", ...globSync("docs/**/*.md", { cwd: REPOSITORY })];

test("tests that the docs name behind a file are in that file", () => {
  const named = DOCUMENTS.flatMap((document) =>
    namedTests(read(document)).map(({ file, name }) => ({ document, file, name })),
  );
  assert.ok(named.length > 300, "the docs are read");
  assert.deepEqual(
    named.filter((each) => !hasTest(each)),
    [],
  );
});

test("docs/support.md has a named test for every difference between kernels", () => {
  const [, table = ""] =
    /\n\| what differs \|.*\n\|[-|]+\|\n((?:\|.*\n)+)/.exec(read("docs/support.md")) ?? [];
  const rows = table.trim().split("\n");
  assert.ok(rows.length > 20, "the table is read");
  assert.deepEqual(
    rows.filter((row) => namedTests(row.split(" | ").at(-1) ?? "").length === 0),
    [],
  );
});

for (const [what, text, found] of [
  [
    "a name as it is written is found",
    "`FILE`: `tests that the docs name behind a file are in that file`",
    [true],
  ],
  ["a template as it is written is found", "`FILE`: `of a document: ${what}`", [true]],
  [
    "a template that is filled in is found",
    "`FILE`: `of a document: a template that is filled in is found`",
    [true],
  ],
  ["what its file does not have is not found", "`FILE`: `of a document: its third line`", [false]],
  ["the beginning of a name is found", "`FILE`: `docs/support.md has a named test …`", [true]],
  [
    "each of two names is found, across lines",
    "`FILE`:\n`of a document: ${what}`,\n`not\nthis`",
    [true, false],
  ],
  ["no file is found that is not there", "`agent/none.test.ts`: `this`", [false]],
] as const) {
  test(`of a document: ${what}`, () => {
    const own = "agent/testing/docs/documented-tests.test.ts";
    assert.deepEqual(namedTests(text.replace("FILE", own)).map(hasTest), found);
  });
}
