/**
 * Runs the tests against the real kernel: each file in a user and a network namespace of its own, and with
 * CAP_NET_ADMIN as the only capability.
 * usage: node agent/testing/runner/run-kernel-tests.ts [FILE …]
 */
import { kernelJobs } from "./jobs/kernel-jobs.ts";
import { runJobs } from "./jobs/run-jobs.ts";

const { exitCode } = await runJobs(kernelJobs(process.argv.slice(2)));
process.exitCode = exitCode;
