import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const REPOSITORY = join(import.meta.dirname, "../../..");

/** Where a path of the docs may begin: at the repository's root, or inside agent/. */
const ROOTS = ["", "agent/"];
const ENDINGS = ["", ".ts"];

/** A path between backquotes whose first part is a folder of ours; patterns and placeholders are none. */
const PATH =
  /`((?:agent|cni-shim|e2e|bench|deploy|charts|cni|diagnosis|host|http|inspect|ipam|kernel|kube|lib|log|metrics|native|net|netlink|page|plan|reconcile|report|settings|start|status|text)\/[^`\s*{}<>$]+)`/g;

test("paths of ours that the docs name are there", () => {
  const documents = ["README.md", "CONTRIBUTING.md", ...globSync("docs/**/*.md", { cwd: REPOSITORY })];
  const named = documents.flatMap((document) =>
    [...readFileSync(join(REPOSITORY, document), "utf8").matchAll(PATH)].map(([, path = ""]) => ({
      document,
      path,
    })),
  );
  assert.ok(named.length > 100, "the docs are read");
  const isThere = (path: string): boolean =>
    ROOTS.some((root) => ENDINGS.some((ending) => existsSync(join(REPOSITORY, root, path + ending))));
  assert.deepEqual(
    named.filter(({ path }) => !isThere(path)),
    [],
  );
});
