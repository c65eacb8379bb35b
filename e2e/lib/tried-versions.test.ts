import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "./tools.ts";
import { createTally } from "./tried-versions.ts";

const passed = { nesting: 1, isSuite: false, isPassed: true };

test("tests count for the version that their outermost suite names, and no others do", () => {
  const { add, tried } = createTally();
  add({ ...passed, name: "a pod starts" });
  add({ ...passed, name: "a pod ends", nesting: 2 });
  add({ ...passed, name: "containerd 1.6.20 and the conflist agree" });
  add({ name: "containerd 1.6.20", nesting: 0, isSuite: true, isPassed: true });
  add({ ...passed, name: "the page loads" });
  add({ name: "page", nesting: 0, isSuite: true, isPassed: true });
  assert.deepEqual(tried(), [{ what: "containerd 1.6.20", passed: 3, failed: 0 }]);
});

test("suites and tests of one version add up, whatever follows the colon", () => {
  const { add, tried } = createTally();
  for (const name of ["Kubernetes 1.34.4: two families", "Kubernetes 1.34.4: IPv6"]) {
    add({ ...passed, name: "nodes get ready" });
    add({ name, nesting: 0, isSuite: true, isPassed: true });
  }
  add({ ...passed, name: "Kubernetes 1.30, API objects: all are accepted" });
  assert.deepEqual(tried(), [
    { what: "Kubernetes 1.34.4", passed: 2, failed: 0 },
    { what: "Kubernetes 1.30, API objects", passed: 1, failed: 0 },
  ]);
});

test("a suite that fails in a hook of its own does not count as passed", () => {
  const { add, tried } = createTally();
  add({ ...passed, name: "a pod starts" });
  add({ name: "podman 4.3.1", nesting: 0, isSuite: true, isPassed: false });
  assert.deepEqual(tried(), [{ what: "podman 4.3.1", passed: 1, failed: 1 }]);
});

test("docs/support.md has results for every version that README.md requires, and none that failed", () => {
  const text = readFileSync(join(REPOSITORY, "docs", "support.md"), "utf8");
  const kubernetes = Array.from({ length: 7 }, (_, index) => `Kubernetes 1.${30 + index}, API objects`);
  for (const what of [
    ...kubernetes,
    "helm v3.",
    "helm v4.",
    "containerd 1.6.",
    "containerd 2.",
    "podman 4.",
    "nft 1.0.6",
  ])
    assert.ok(text.includes(`\n| ${what}`), what);
  assert.doesNotMatch(text, /FAILED|NO END/);
});
