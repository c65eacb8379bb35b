/**
 * Runs one fuzz target for a number of executions, and prints one line of figures. Ends with 1 when it found
 * a fault, or did fewer executions.
 * usage: node run.ts TARGET RUNS FOUND CORPUS...
 */
import { spawn } from "node:child_process";
import { basename } from "node:path";
import { describeRun, readStatistics } from "./statistics.ts";

const [target = "", runs = "0", ...folders] = process.argv.slice(2);
const prefix = target.slice(0, -basename(target).length);
const args = [`-runs=${runs}`, "-print_final_stats=1", `-artifact_prefix=${prefix}`, ...folders];
const child = spawn(target, args, { stdio: ["ignore", "ignore", "pipe"] });
let said = "";
child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
const startMs = performance.now();
child.once("close", (code, signal) => {
  const seconds = (performance.now() - startMs) / 1000;
  const statistics = readStatistics(said);
  const isDone = code === 0 && statistics.executions >= Number(runs);
  if (!isDone) process.stderr.write(said);
  console.log(
    describeRun(basename(target), statistics, seconds) + (isDone ? "" : `: ended with ${code ?? signal}`),
  );
  process.exitCode = isDone ? 0 : 1;
});
