import { execFile } from "node:child_process";
import { hostname } from "node:os";
import packageJson from "../../../package.json" with { type: "json" };
import type { Finding } from "../../diagnosis/finding.ts";
import { shippedFile } from "../../lib/shipped.ts";
import type { CommandInput, CommandResult } from "../../settings/command-line.ts";

const TIMEOUT_MS = 20_000;

type Run = (input: CommandInput) => Promise<CommandResult>;

/** Loaded when they are asked for: most tests ask one of them. */
const COMMANDS: Readonly<Record<string, () => Promise<Run>>> = {
  doctor: async () => (await import("../../inspect/run-doctor.ts")).runDoctor,
  status: async () => (await import("../../status/status.ts")).status,
  trace: async () => (await import("../../inspect/run-trace.ts")).runTrace,
};

/**
 * Runs a command in the process of the test, with its rights, as often as a test likes: a process of its own
 * takes a tenth of a second of CPU to start.
 */
export async function runCauseway([name = "", ...args]: readonly string[]): Promise<CommandResult> {
  const load = COMMANDS[name];
  if (load === undefined) throw new Error(`no command "${name}" for tests`);
  process.env["LC_ALL"] = "C"; // as main.ts does
  const { version } = packageJson;
  return (await load())({
    args,
    environment: process.env,
    hostName: hostname().toLowerCase(),
    version,
    isTerminal: false,
    colours: false,
    dateMs: Date.now,
  });
}

/**
 * Runs the shipped program with the rights of the test, as `kubectl exec` in the agent's pod does. `around`
 * is put before the command.
 */
export function runShipped(args: readonly string[], around: readonly string[] = []): Promise<CommandResult> {
  const [program = "", ...rest] = [
    ...around,
    process.execPath,
    shippedFile("causeway.mjs").pathname,
    ...args,
  ];
  return new Promise((resolve, reject) => {
    execFile(program, rest, { timeout: TIMEOUT_MS, encoding: "utf8" }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === "number") resolve({ exitCode: code, stdout, stderr });
      else reject(new Error(`${args.join(" ")} did not end by itself: ${stderr}`, { cause: error }));
    });
  });
}

/** What `doctor` or `trace` prints with --json. */
export interface FindingsReport {
  readonly verdict: string;
  readonly findings: readonly Finding[];
}

/** Findings of one name. */
export function findingsOf(report: FindingsReport, name: string): readonly Finding[] {
  return report.findings.filter((finding) => finding.name === name);
}
