/**
 * Runs the unit tests.
 * usage: node agent/testing/runner/run-unit-tests.ts [FILE …]
 */
import { runJobs } from "./jobs/run-jobs.ts";
import { unitJobs } from "./jobs/unit-jobs.ts";

const { exitCode } = await runJobs(unitJobs(process.argv.slice(2)));
process.exitCode = exitCode;
