import assert from "node:assert/strict";
import { test } from "node:test";
import { addSummary, formatSummary, splitSummary } from "./test-summary.ts";

const FIRST = "✔ one (1.5ms)\nℹ said by a test\nℹ tests 1\nℹ pass 1\nℹ fail 0\nℹ duration_ms 12.5\n";
const SECOND = "✖ two (1ms)\nℹ tests 2\nℹ pass 1\nℹ fail 1\nℹ duration_ms 7.5\n\n✖ failing tests:\n";

test("what was told stays, and the counts of several runs add up to one summary", () => {
  const [one, two] = [splitSummary(FIRST), splitSummary(SECOND)];
  assert.equal(one.told, "✔ one (1.5ms)\nℹ said by a test\n");
  assert.equal(two.told, "✖ two (1ms)\n\n✖ failing tests:\n");
  assert.equal(
    formatSummary(addSummary(one.summary, two.summary)),
    "ℹ tests 3\nℹ pass 2\nℹ fail 1\nℹ duration_ms 20\n",
  );
});
