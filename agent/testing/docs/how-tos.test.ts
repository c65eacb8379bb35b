/** How-tos say in their first lines what was tried here, and the files that they name are there. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";

const REPOSITORY = join(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(join(REPOSITORY, file), "utf8");
const INDEX = "docs/how-to/README.md";
const PAGES = globSync("docs/how-to/*.md", { cwd: REPOSITORY }).filter((page) => page !== INDEX);

/** Verdict and text of the paragraph behind the heading. */
function claimOf(page: string): { readonly verdict: string; readonly text: string } {
  const [, text = "", verdict = ""] =
    /^# .+\n\n(\*\*Tried here: (yes|in part|no)\.\*\*[^]*?)\n\n/.exec(read(page)) ?? [];
  return { verdict, text };
}

test("every how-to says first what was tried here, and the index says the same", () => {
  assert.ok(PAGES.length > 12, "the pages are found");
  const rows = new Map(
    [...read(INDEX).matchAll(/^\| \[[^\]]+\]\((\S+\.md)\) \| (yes|in part|no) \|$/gm)].map(
      ([, page = "", verdict = ""]) => [page, verdict],
    ),
  );
  const said = PAGES.map((page) => [basename(page), claimOf(page).verdict] as const);
  assert.deepEqual(new Map(said), rows);
});

for (const page of PAGES)
  test(`${page} names what tried it`, () => {
    const { verdict, text } = claimOf(page);
    const named = [...text.matchAll(/`((?:agent|e2e)\/[^`\s]+|npm run [^`\s]+)`/g)].map(
      ([, name = ""]) => name,
    );
    if (verdict !== "no") assert.ok(named.length > 0, "a test, or a suite");
    const paths = named.filter((name) => !name.startsWith("npm"));
    assert.deepEqual(
      paths.filter((path) => !existsSync(join(REPOSITORY, path))),
      [],
    );
  });
