import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { counted, formatCount } from "./count.ts";

test("formatCount() separates thousands", () => {
  assert.deepEqual([0, 999, 1000, 1_234_567].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
});

test('counted() has one of a thing in the singular: doctor said "1 pods are attached"', () => {
  assert.deepEqual(
    [0, 1, 2, 1500].map((count) => counted(count, "pod")),
    ["0 pods", "1 pod", "2 pods", "1,500 pods"],
  );
  assert.equal(counted(2, "policy", "policies"), "2 policies");
});

/** Units, and words that belong to a second number: "2 of 1 nodes" is said of one node, too. */
const FINE = /\$\{[^{}]*\} (?:bytes|characters)\b|of \$\{[^{}]*\} \w+s\b|IPv\$\{|\$\{share\}/;

test("no text puts a number before a plural by itself: counted() does", () => {
  const root = join(import.meta.dirname, "..");
  const files = globSync("**/*.ts", { cwd: root }).filter(
    (path) => !/(?:^|\/)test(?:ing)?\/|\.test\.ts$|^(?:net|netlink|native|lib|cni)\//.test(path),
  );
  const numbers = /\$\{[^{}]*\b(?:length|size|count|dropped|taken|nodes|silent|live|lost)\}(?= [a-z]+s\b)/;
  const found = files.flatMap((path) =>
    readFileSync(join(root, path), "utf8")
      .split("\n")
      .filter((line) => numbers.test(line) && !FINE.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  );
  assert.deepEqual(found, []);
});
