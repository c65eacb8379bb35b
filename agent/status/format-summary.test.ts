import assert from "node:assert/strict";
import { test } from "node:test";
import { SAMPLE_REPORT } from "../testing/agent/sample-report.ts";
import { formatSummary } from "./format-summary.ts";

const BARE = {
  ...SAMPLE_REPORT,
  readiness: { isReady: true, reasons: [], warnings: [] },
  pools: [],
  attachments: [],
  peers: { counts: {}, list: [], problems: [] },
};

test("formatSummary() of a ready node", () => {
  assert.equal(formatSummary(BARE, undefined), "yes\t0\t-\t0\t1.2.3\t-\n");
});

test("formatSummary() tells the first reason, and keeps it on the line", () => {
  const readiness = { isReady: false, reasons: [{ part: "routes", reason: "no\tuplink\n" }] };
  assert.equal(
    formatSummary({ ...BARE, readiness }, undefined),
    "no\t0\t-\t0\t1.2.3\troutes: no\ufffduplink\ufffd\n",
  );
});

test("formatSummary() counts nodes that are held and unreachable", () => {
  const peers = { counts: { direct: 5, held: 1, unreachable: 2 }, list: [], problems: [] };
  assert.equal(formatSummary({ ...BARE, peers }, undefined), "yes\t0\t-\t3\t1.2.3\t-\n");
});

test("formatSummary() without the agent says what it cannot know", () => {
  const report = { ...BARE, readiness: undefined, agent: undefined };
  assert.equal(
    formatSummary(report, "nothing listens"),
    "unknown\t0\t-\t-\t-\tthe agent does not answer: nothing listens\n",
  );
});
