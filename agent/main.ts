import { hostname } from "node:os";
import packageJson from "../package.json" with { type: "json" };
import { runCommand } from "./commands/commands.ts";
import { describeSystemError } from "./lib/files.ts";
import { THREADS } from "./native/threads.ts";

// Programs that we run speak the language of our messages.
process.env["LC_ALL"] = "C";
// Before anything has needed one of them.
process.env["UV_THREADPOOL_SIZE"] ??= String(THREADS);
const isTerminal = process.stdout.isTTY;
const { exitCode, stdout, stderr } = await runCommand(
  {
    args: process.argv.slice(2),
    environment: process.env,
    hostName: hostname().toLowerCase(),
    version: packageJson.version,
    isTerminal,
    colours: isTerminal && (process.env["NO_COLOR"] ?? "") === "",
    dateMs: Date.now,
  },
  (code) => process.exit(code),
);
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exitCode = 1;
  // A reader that has gone, as head does, has seen enough.
  if (error.code !== "EPIPE")
    process.stderr.write(`causeway: cannot write to stdout: ${describeSystemError(error)}\n`);
});
process.stderr.on("error", () => (process.exitCode = 1));
// What takes nothing, as a full disk does, fails even for nothing.
if (stdout !== "") process.stdout.write(stdout);
if (stderr !== "") process.stderr.write(stderr);
process.exitCode = exitCode;
