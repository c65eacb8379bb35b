/**
 * Runs the checks and all tests that need no root side by side: what waits leaves the processors to what
 * does not. With UPDATE_SECONDS=1 keeps what each part took.
 * usage: [UPDATE_SECONDS=1] node agent/testing/runner/run-all-tests.ts
 */
import { COMPILE_CACHE, type Job } from "./jobs/job.ts";
import { kernelJobs } from "./jobs/kernel-jobs.ts";
import { writeSeconds } from "./jobs/known-seconds.ts";
import { runJobs } from "./jobs/run-jobs.ts";
import { unitJobs } from "./jobs/unit-jobs.ts";
import { runCommand } from "./run-command.ts";

const SCRIPTS = ["check:format", "check:lint", "check:types", "test:shim"];

const scriptJobs = SCRIPTS.map(
  (script): Job => ({
    name: `npm run ${script}`,
    run: () => runCommand(["npm", "run", "-s", script], COMPILE_CACHE),
  }),
);

const { exitCode, seconds } = await runJobs([...scriptJobs, ...unitJobs([]), ...kernelJobs([])]);
if (process.env["UPDATE_SECONDS"] === "1") writeSeconds(seconds);
process.exitCode = exitCode;
