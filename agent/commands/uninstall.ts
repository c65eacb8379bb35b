import type { Kernel } from "../kernel/kernel.ts";
import { openLinuxKernel } from "../kernel/linux-kernel.ts";
import { loadNative } from "../kernel/socket/native.ts";
import { systemClock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { uninstall } from "../reconcile/uninstall.ts";
import { socketsOf } from "../report/query.ts";
import { type CommandInput, type CommandResult, isResult, jsonText } from "../settings/command-line.ts";
import { printable } from "../text/printable.ts";
import { findAgent } from "./find-agent.ts";
import { readConfig } from "./read-config.ts";

export const UNINSTALL = {
  name: "uninstall",
  summary: "Removes the agent's files from the host, with --all also the links of pods, routes and rules",
  switches: {
    all: "also removes the links of pods, routes and rules",
    json: "what was done and what failed, as one JSON object",
  },
  exitCodes: "0 done, 1 something could not be removed, or an agent is running, 2 wrong usage",
};

export async function runUninstall(input: CommandInput): Promise<CommandResult> {
  const config = readConfig(UNINSTALL, input);
  if (isResult(config)) return config;
  const done: string[] = [];
  const faults: string[] = [];
  const onError = (error: unknown): void => {
    faults.push(messageOf(error));
  };
  let exitCode = 0;
  let kernel: Kernel | undefined;
  try {
    const running = await findAgent(config);
    if (running !== undefined) {
      const remedy = "stop it first, or it restores everything: delete its DaemonSet or end its process";
      throw new Error(`Cannot uninstall: an agent is running (${running}); ${remedy}`);
    }
    kernel = openLinuxKernel(loadNative(), { after: systemClock.after, onError });
    const all = input.args.includes("--all");
    const tell = (sentence: string): void => void done.push(sentence);
    await uninstall({ ...config, sockets: socketsOf(config), kernel, all, tell });
  } catch (error) {
    onError(error);
    exitCode = 1;
  } finally {
    kernel?.close();
  }
  if (input.args.includes("--json"))
    return { exitCode, stdout: jsonText({ version: input.version, done, faults }), stderr: "" };
  return {
    exitCode,
    stdout: done.map((sentence) => `${printable(sentence)}\n`).join(""),
    stderr: faults.map((fault) => `causeway: ${printable(fault)}\n`).join(""),
  };
}
