import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { isNamed, testNames } from "./docs/named-tests.ts";

const REPOSITORY = new URL("../../", import.meta.url);
const text = readFileSync(new URL("docs/security.md", REPOSITORY), "utf8");

/** What stands in code marks in these lines. */
function quoted(lines: string): readonly string[] {
  return [...lines.matchAll(/`([^`\n]+)`/g)].map(([, word = ""]) => word);
}

/**
 * Last columns of the tables that say what proves a line, and the names under which `column` promises tests.
 */
function lastCells(column: string): readonly string[] {
  const tables = text
    .split(/\n(?!\|)/)
    .filter((table) => new RegExp(`^\\|.*\\| ${column} \\|$`, "m").test(table));
  return tables.flatMap((table) =>
    table
      .trim()
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .slice(2)
      .map((line) => line.split(" | ").at(-1) ?? ""),
  );
}

const isPath = (word: string): boolean => /^(agent|bench|deploy|e2e)\/\S+$/.test(word);

const allTests = globSync(["agent/**/*.test.ts", "e2e/**/*.ts"], { cwd: REPOSITORY }).flatMap((file) =>
  testNames(readFileSync(new URL(file, REPOSITORY), "utf8")),
);

const isTested = (promise: string): boolean => allTests.some((name) => isNamed(promise, name));

test("docs/security.md names files that exist", () => {
  const paths = quoted(text).filter(isPath);
  assert.ok(paths.length > 20, "the document is read");
  assert.deepEqual(
    paths.filter((path) => !existsSync(new URL(path, REPOSITORY))),
    [],
  );
});

test("docs/security.md names tests that exist", () => {
  const promised = lastCells("proved by")
    .flatMap(quoted)
    .filter((word) => !isPath(word) && !word.startsWith("npm run "))
    .map((word) => word.replaceAll("\\|", "|"));
  const attacks = lastCells('test "…"').flatMap((cell) => cell.replace(/ \|$/, "").split("; "));
  assert.ok(promised.length > 15 && attacks.length > 4, "both kinds of tables are read");
  assert.deepEqual(
    [...promised.filter((name) => !isTested(name)), ...attacks.filter((start) => !isTested(`${start}…`))],
    [],
  );
});
