import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

/**
 * Runs a program to its end and gives its stdout; an exit code other than 0 throws with everything that it
 * said.
 */
export async function runCommand(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { input = "", timeoutMs = 20_000 } = options;
  const { code, stdout, stderr } = await observeCommand(command, { input, timeoutMs });
  if (code !== 0) throw new Error(`Cannot run ${command.join(" ")}: exit ${code}: ${stderr}${stdout}`);
  return stdout;
}

/** Runs a program to its end, whatever its exit code (null when a signal ended it, also at the deadline). */
export async function observeCommand(
  command: readonly string[],
  options: CommandOptions = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const { input = "", timeoutMs = 20_000 } = options;
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { timeout: timeoutMs, killSignal: "SIGKILL" });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    // A program that does not read its stdin may be gone before it is written.
    child.stdin.on("error", () => child.stdin.destroy());
    child.stdin.end(input);
  });
}
