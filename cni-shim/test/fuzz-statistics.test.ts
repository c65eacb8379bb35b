import assert from "node:assert/strict";
import { test } from "node:test";
import { describeRun, readStatistics } from "../fuzz/statistics.ts";

const SAID = `INFO: seed corpus: files: 30 min: 1b max: 5316b total: 31077b rss: 34Mb
#31	INITED cov: 120 ft: 300 corp: 20/20Kb exec/s: 0 rss: 36Mb
#1000000	DONE   cov: 131 ft: 402 corp: 52/33Kb lim: 9536 exec/s: 111111 rss: 400Mb
Done 1000000 runs in 9 second(s)
stat::number_of_executed_units: 1000000
stat::average_exec_per_sec:     111111
`;

test("readStatistics() finds libFuzzer's figures, and those of the end", () => {
  assert.deepEqual(readStatistics(SAID), { executions: 1_000_000, edges: 131, inputs: 52 });
});

test("readStatistics() of a target that said nothing is all zero, so that too few executions are noticed", () => {
  assert.deepEqual(readStatistics("ERROR: cannot start"), { executions: 0, edges: 0, inputs: 0 });
});

test("describeRun() is one line", () => {
  assert.equal(
    describeRun("fuzz-scan", readStatistics(SAID), 8),
    "fuzz-scan: 1,000,000 executions in 8.0 s (125,000 a second), 131 edges, 52 inputs kept",
  );
});
