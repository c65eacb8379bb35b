import { type Config, ConfigError, listFlags, loadConfig } from "../settings/config.ts";
import { type CommandInput, type CommandResult, formatRows } from "../settings/command-line.ts";
import { printable } from "../text/printable.ts";

/** A command that takes all settings of the agent, from flags and a file. */
export interface ConfiguredCommand {
  readonly name: string;
  readonly summary: string;
  /** Flags of its own, without values, with their help. */
  readonly switches?: Readonly<Record<string, string>>;
}

/** The agent's configuration, or the result where there is nothing to run: help was asked for, or it cannot be used. */
export function readConfig(
  command: ConfiguredCommand,
  { args, environment, hostName }: CommandInput,
): Config | CommandResult {
  if (args.some((arg) => arg === "--help" || arg === "-h"))
    return { exitCode: 0, stdout: describeConfigured(command), stderr: "" };
  const own = new Set(Object.keys(command.switches ?? {}).map((name) => `--${name}`));
  try {
    return loadConfig({ args: args.filter((arg) => !own.has(arg)), environment, hostName });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const stderr = error.faults.map((fault) => `causeway: ${printable(fault)}\n`).join("");
    return { exitCode: 2, stdout: "", stderr };
  }
}

function describeConfigured({ name, summary, switches = {} }: ConfiguredCommand): string {
  const own = Object.entries(switches).map(([flag, help]) => [`--${flag}`, help] as const);
  return `usage: causeway ${name} [flags]\n\n${summary}.\n\n${formatRows([...own, ...listFlags()])}`;
}
