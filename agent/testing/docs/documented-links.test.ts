import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const REPOSITORY = join(import.meta.dirname, "../../..");

/** Every document for people, the chart's included. */
const DOCUMENTS = ["*.md", "docs/**/*.md", "charts/**/*.md", ".github/**/*.md"].flatMap((pattern) =>
  globSync(pattern, { cwd: REPOSITORY }),
);

interface Link {
  readonly document: string;
  readonly target: string;
}

/** Text that is no example: links in code lead nowhere. */
function proseOf(text: string): string {
  return text.replaceAll(/^```.*?^```$/gms, "").replaceAll(/`[^`\n]*`/g, "");
}

/**
 * Targets of Markdown links and images, and of `href`, `src` and `srcset` in HTML; those of the web are left
 * out.
 */
function linksOf(document: string): readonly Link[] {
  const prose = proseOf(readFileSync(join(REPOSITORY, document), "utf8"));
  const markdown = [...prose.matchAll(/\]\(([^)\s]+)\)/g)];
  const html = [...prose.matchAll(/(?:href|src|srcset)="([^"]+)"/g)];
  return [...markdown, ...html]
    .map(([, target = ""]) => ({ document, target }))
    .filter(({ target }) => !/^(?:https?|mailto):/.test(target));
}

/**
 * The anchors that a Markdown renderer makes of headings: lower case, without punctuation, blanks as hyphens.
 */
export function anchorsOf(text: string): ReadonlySet<string> {
  const counts = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ""] of text.replaceAll(/^```.*?^```$/gms, "").matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(/\s/g, "-");
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

function isBroken({ document, target }: Link): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? document : relative(REPOSITORY, join(REPOSITORY, dirname(document), path));
  if (!existsSync(join(REPOSITORY, file))) return true;
  if (anchor === undefined || !file.endsWith(".md")) return false;
  return !anchorsOf(readFileSync(join(REPOSITORY, file), "utf8")).has(anchor);
}

test("every link and anchor of the docs leads somewhere", () => {
  const links = DOCUMENTS.flatMap(linksOf);
  assert.ok(links.length > 60, "the docs are read");
  assert.deepEqual(links.filter(isBroken), []);
});

test("every picture of the docs is shown by one of them, or by the chart", () => {
  const shown = new Set(
    DOCUMENTS.flatMap(linksOf).map(({ document, target }) =>
      relative(REPOSITORY, join(REPOSITORY, dirname(document), target)),
    ),
  );
  const chart = readFileSync(join(REPOSITORY, "charts/causeway/Chart.yaml"), "utf8");
  const pictures = globSync("docs/**/*.{svg,png}", { cwd: REPOSITORY });
  assert.deepEqual(
    pictures.filter((picture) => !shown.has(picture) && !chart.includes(picture)),
    [],
  );
});

test("every document of docs/ can be reached from its landing page", () => {
  const reached = new Set(["docs/README.md"]);
  for (const document of reached)
    for (const { target } of linksOf(document)) {
      const file = relative(REPOSITORY, join(REPOSITORY, dirname(document), target.split("#")[0] ?? ""));
      if (file.startsWith("docs/") && file.endsWith(".md")) reached.add(file);
    }
  const documents = DOCUMENTS.filter((document) => document.startsWith("docs/"));
  assert.deepEqual(
    documents.filter((document) => !reached.has(document)),
    [],
  );
});

test("anchorsOf() makes the anchors of a renderer", () => {
  const text =
    "# `causeway status`\n## A [link](x.md), and more\n```\n# no heading\n```\n## Twice\n## Twice\n";
  assert.deepEqual([...anchorsOf(text)], ["causeway-status", "a-link-and-more", "twice", "twice-1"]);
});
