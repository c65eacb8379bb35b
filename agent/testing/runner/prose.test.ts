import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findProseFaults, MAX_WORDS } from "./prose.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Files whose texts operators read: tests and their helpers are not shipped. */
const FILES = globSync("**/*.ts", { cwd: ROOT })
  .filter((file) => !/\.test\.ts$|^(?:testing|test)\//.test(file))
  .toSorted();

test("messages say nothing in phrases that only we would use", () => {
  const faults = FILES.flatMap((file) =>
    findProseFaults(readFileSync(join(ROOT, file), "utf8")).map(
      ({ line, fault }) => `agent/${file}:${line}: ${fault}`,
    ),
  );
  assert.ok(FILES.length > 300, `${FILES.length} files`);
  assert.deepEqual(faults, []);
});

for (const text of [
  'fail("runtimeConfig.ips: it is no list")',
  'log.warn({ fault }, "Put back what was changed")',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
  "throw new Error(`set ${name} has ${listElements(surplus)} too much`)",
  `"${"word ".repeat(MAX_WORDS + 1)}"`,
])
  test(`findProseFaults() finds the fault in ${text.slice(0, 60)}`, () => {
    assert.equal(findProseFaults(text).length, 1);
  });

for (const text of [
  'log.warn({ fault }, "Repaired drift")',
  '"there is no Causeway bridge"',
  "// it is no list",
  'import { tells } from "./tells it all.ts";',
])
  test(`findProseFaults() passes ${text}`, () => {
    assert.deepEqual(findProseFaults(text), []);
  });
