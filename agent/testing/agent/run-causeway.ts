import { execFile } from "node:child_process";
import type { Finding } from "../../diagnosis/finding.ts";
import { shippedFile } from "../../lib/shipped.ts";

export interface CommandAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 20_000;

/**
 * Runs the shipped program with the rights of the test, as `kubectl exec` in the agent's pod does. `around`
 * is put before the command.
 */
export function runCauseway(args: readonly string[], around: readonly string[] = []): Promise<CommandAnswer> {
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
