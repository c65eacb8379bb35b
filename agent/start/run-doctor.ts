import { type ExecFileException, execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { OPTIONS } from "../settings/options.ts";
import type { Config } from "../settings/config.ts";
import type { FindingRecord } from "../report/node-report.ts";

/** It takes a second; on a node whose kernel or API server hangs, some. */
const TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 1_000_000;

/** Of `causeway doctor`: nothing to do, warnings, faults. */
const EXIT_CODES: ReadonlySet<unknown> = new Set([0, 3, 4]);

/** What doctor cannot ask the agent for. */
const FLAGS = ["socket", "nodeName", "kubeconfig", "apiServer"] as const;

/**
 * Runs `causeway doctor` in a process of its own, which gives way to everything else: while this
 * process read a large node, it would answer no ADD.
 */
export async function runDoctor(
  config: Pick<Config, (typeof FLAGS)[number]>,
  [node, program]: readonly [string, string] = [process.execPath, process.argv[1] ?? ""],
): Promise<readonly FindingRecord[]> {
  const flags = FLAGS.flatMap((key) =>
    config[key] === undefined ? [] : [`--${OPTIONS[key].flag}`, config[key]],
  );
  const options = { timeout: TIMEOUT_MS, killSignal: "SIGKILL", maxBuffer: MAX_OUTPUT_BYTES } as const;
  const output = await new Promise<string>((resolve, reject) => {
    const child = execFile(
      node,
      [program, "doctor", "--json", ...flags],
      options,
      (error, stdout, stderr) => {
        if (EXIT_CODES.has(error === null ? 0 : error.code)) resolve(stdout);
        else reject(new Error(describe(error, stderr), { cause: error }));
      },
    );
    if (child.pid !== undefined) giveWay(child.pid);
  });
  return (JSON.parse(output) as { readonly findings: readonly FindingRecord[] }).findings;
}

function describe(error: ExecFileException | null, stderr: string): string {
  const reason = stderr.trim().split("\n")[0] ?? "";
  return `Cannot run causeway doctor: ${reason === "" ? (error?.signal ?? error?.message ?? "") : reason}`;
}

/** When CPU or memory of the agent's pod runs short, this process goes first. */
function giveWay(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
    writeFileSync(`/proc/${pid}/oom_score_adj`, "1000");
  } catch {
    // It has ended already.
  }
}
