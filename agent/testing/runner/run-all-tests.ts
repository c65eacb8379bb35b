/**
 * Runs the checks and all tests that need no root side by side: what waits leaves the processors to what
 * does not. What fails soonest comes first.
 * usage: node agent/testing/runner/run-all-tests.ts
 */
import { kernelJobs } from "./jobs/kernel-jobs.ts";
import { type Job, runJobs } from "./jobs/run-jobs.ts";
import { unitJobs } from "./jobs/unit-jobs.ts";
import { runCommand } from "./run-command.ts";

const SCRIPTS = ["check:format", "check:lint", "check:types", "test:shim"];

const scriptJobs = SCRIPTS.map(
  (script): Job => ({
    name: `npm run ${script}`,
    measures: "nothing",
    run: () => runCommand(["npm", "run", "-s", script]),
  }),
);

process.exitCode = await runJobs([...scriptJobs, ...unitJobs([]), ...kernelJobs([])]);
