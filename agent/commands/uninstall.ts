import type { Kernel } from "../kernel/kernel.ts";
import { openLinuxKernel } from "../kernel/linux-kernel.ts";
import { loadNative } from "../kernel/socket/native.ts";
import { systemClock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { uninstall } from "../reconcile/uninstall.ts";
import { socketsOf } from "../report/query.ts";
import { type CommandInput, type CommandResult, isResult } from "../settings/command-line.ts";
import { printable } from "../text/printable.ts";
import { findAgent } from "./find-agent.ts";
import { readConfig } from "./read-config.ts";

export const UNINSTALL = {
  name: "uninstall",
  summary: "Removes from the host what the agent has made, with --all also pods' links, routes and rules",
  switches: { all: "pods' links, routes and rules, too" },
};

export async function runUninstall(input: CommandInput): Promise<CommandResult> {
  const config = readConfig(UNINSTALL, input);
  if (isResult(config)) return config;
  let stdout = "";
  let stderr = "";
  const onError = (error: unknown): void => {
    stderr += `causeway: ${printable(messageOf(error))}\n`;
  };
  let kernel: Kernel | undefined;
  try {
    const running = await findAgent(config);
    if (running !== undefined) {
      const remedy = "stop it first, else it puts everything back: delete its DaemonSet, or end its process";
      throw new Error(`Cannot uninstall: an agent is running (${running}); ${remedy}`);
    }
    kernel = openLinuxKernel(loadNative(), { after: systemClock.after, onError });
    const tell = (sentence: string): void => {
      stdout += `${printable(sentence)}\n`;
    };
    const all = input.args.includes("--all");
    await uninstall({ ...config, sockets: socketsOf(config), kernel, all, tell });
    return { exitCode: 0, stdout, stderr };
  } catch (error) {
    onError(error);
    return { exitCode: 1, stdout, stderr };
  } finally {
    kernel?.close();
  }
}
