import assert from "node:assert/strict";
import { test } from "node:test";
import { changeTable, mergeRows } from "./support-document.ts";

const HEAD = "| with | tests |\n| --- | --- |";

test("mergeRows() puts the latest result of each in its place, keeps others, and appends what is new", () => {
  const known = `${HEAD}\n| nft 1.0.6 | 49 passed |\n| podman 4.3.1 | 15 passed |`;
  const latest = `${HEAD}\n| helm 4 | 86 passed |\n| nft 1.0.6 | 50 passed |`;
  assert.equal(
    mergeRows(latest, known),
    `${HEAD}\n| nft 1.0.6 | 50 passed |\n| podman 4.3.1 | 15 passed |\n| helm 4 | 86 passed |`,
  );
});

test("changeTable() changes what is between the marks alone, and needs both in their order", () => {
  const text = "# Support\n<!-- x: begin -->\n\n| old |\n\n<!-- x: end -->\nrest\n";
  assert.equal(
    changeTable(text, "x", (known) => known.replace("old", "new")),
    text.replace("old", "new"),
  );
  for (const wrong of [
    "",
    "<!-- x: begin -->\n",
    "<!-- x: end -->\n<!-- x: begin -->\n",
    text.replaceAll("x:", "y:"),
  ])
    assert.throws(
      () => changeTable(wrong, "x", (known) => known),
      /Cannot find "<!-- x: begin -->" and "<!-- x: end -->"/,
    );
});
