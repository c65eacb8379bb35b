/**
 * Runs test files one after the other, in this process so that a signal ends everything, and ends with the
 * line "N passed, N failed"; exit code 1 unless tests ran and all passed. A test that was skipped or marked
 * as to do counts as failed: what could not run has not been shown.
 * usage: node run-tests.ts FILE...
 */
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { createTally, recordTried } from "./tried-versions.ts";

let passed = 0;
let failed = 0;
const tally = createTally();

const files = process.argv.slice(2);
const events = run({ files, isolation: "none", timeout: 600_000 });
events.on("test:pass", ({ name, nesting, details, skip, todo }) => {
  // A file without a test passes as if it were one.
  const isPassed = skip === undefined && todo === undefined;
  tally.add({ name, nesting, isSuite: details.type === "suite", isPassed });
  if (details.type === "suite" || files.includes(name)) return;
  if (isPassed) passed += 1;
  else failed += 1;
});
events.on("test:fail", ({ name, nesting, details }) => {
  tally.add({ name, nesting, isSuite: details.type === "suite", isPassed: false });
  // A suite fails with its tests, which are counted, or in a hook of its own.
  if (details.type !== "suite" || !hasFailedTests(details.error)) failed += 1;
});
const report = events.compose(new spec());
report.pipe(process.stdout);
report.once("end", () => {
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
  recordTried(tally.tried());
  console.log(`${passed} passed, ${failed} failed`);
});

function hasFailedTests(error: Error): boolean {
  return "failureType" in error && error.failureType === "subtestsFailed";
}
