import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** What a command has printed, and its exit code. */
export interface CommandOutcome {
  readonly output: string;
  readonly exitCode: number;
}

/** Runs a command, for what it prints; `environment` is added to ours. */
export async function runCommand(
  [program = "", ...args]: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandOutcome> {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...environment },
  });
  const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return { output, exitCode: (exitCode as number | null) ?? 1 };
}
