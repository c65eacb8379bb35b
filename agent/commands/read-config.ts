import { type CommandHelp, describeUsage, switchFlags } from "../settings/command-help.ts";
import type { CommandInput, CommandResult } from "../settings/command-line.ts";
import { type Config, ConfigError, configFlags, loadConfig } from "../settings/config.ts";
import { printable } from "../text/printable.ts";

/** A command that takes all settings of the agent, from flags and a file. */
export interface ConfiguredCommand extends Omit<CommandHelp, "flags"> {
  /** Flags of its own, without values, with their help. */
  readonly switches?: Readonly<Record<string, string>>;
}

/**
 * The agent's configuration, or the result where there is nothing to run: help was asked for, or it cannot be
 * used.
 */
export function readConfig(
  command: ConfiguredCommand,
  { args, environment, hostName }: CommandInput,
): Config | CommandResult {
  if (args.some((arg) => arg === "--help" || arg === "-h"))
    return { exitCode: 0, stdout: describeUsage(configuredHelp(command)), stderr: "" };
  const own = new Set(Object.keys(command.switches ?? {}).map((name) => `--${name}`));
  try {
    return loadConfig({ args: args.filter((arg) => !own.has(arg)), environment, hostName });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const stderr = error.faults.map((fault) => `causeway: ${printable(fault)}\n`).join("");
    return { exitCode: 2, stdout: "", stderr };
  }
}

/** What help and completion say about such a command. */
export function configuredHelp(command: ConfiguredCommand): CommandHelp {
  return { ...command, flags: [...switchFlags(command.switches ?? {}), ...configFlags()] };
}
