import { parseArgs } from "node:util";
import * as v from "valibot";
import { printable, printableJson } from "../text/printable.ts";
import {
  type CommandHelp,
  describeCall,
  describeUsage,
  type SettingKey,
  settingFlag,
  switchFlags,
} from "./command-help.ts";
import { OPTIONS } from "./options.ts";
import { describeParseFault } from "./parse-fault.ts";
import type { Option } from "./schemas.ts";

/**
 * What a command prints, and its exit code: 0 done, 1 failed, 2 wrong usage; commands say which others they
 * have.
 */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command is given. */
export interface CommandInput {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly hostName: string;
  readonly version: string;
  /** Whether what is printed goes to a terminal. */
  readonly isTerminal: boolean;
  /** Whether what is printed may have colours. */
  readonly colours: boolean;
  /** Milliseconds since the epoch. */
  readonly dateMs: () => number;
}

/** What a command takes. `settings` are flags that the agent has, too, with its defaults. */
export interface CommandSpec<Key extends SettingKey, Switch extends string>
  extends Omit<CommandHelp, "flags"> {
  /** Flags without a value, by name, with their help. */
  readonly switches: Readonly<Record<Switch, string>>;
  readonly settings: readonly Key[];
}

export interface CommandLine<Key extends SettingKey, Switch extends string> {
  readonly settings: { readonly [K in Key]: v.InferOutput<(typeof OPTIONS)[K]["schema"]> };
  readonly switches: Readonly<Record<Switch, boolean>>;
  readonly operands: readonly string[];
}

/**
 * Reads the arguments of a command; the answer is a result where there is nothing to run: help was asked for,
 * or the usage is wrong.
 */
export function readCommandLine<Key extends SettingKey, Switch extends string>(
  spec: CommandSpec<Key, Switch>,
  args: readonly string[],
): CommandLine<Key, Switch> | CommandResult {
  const faults: string[] = [];
  const { values, positionals } = parse(spec, args, faults);
  if (values["help"] === true) return { exitCode: 0, stdout: describeUsage(helpOf(spec)), stderr: "" };
  const operands = spec.operands ?? [];
  for (const missing of operands.slice(positionals.length)) faults.push(describeMissing(missing));
  for (const unknown of positionals.slice(operands.length)) faults.push(`unknown argument "${unknown}"`);
  const settings = spec.settings.map((key) => {
    const option: Option = OPTIONS[key];
    const parsed = v.safeParse(option.schema, values[option.flag]);
    if (!parsed.success)
      faults.push(`--${option.flag} ${JSON.stringify(values[option.flag])} ${parsed.issues[0].message}`);
    return [key, parsed.output];
  });
  if (faults[0] !== undefined) return usageError(spec, faults[0]);
  const switches = Object.keys(spec.switches).map((name) => [name, values[name] === true]);
  return {
    settings: Object.fromEntries(settings) as CommandLine<Key, Switch>["settings"],
    switches: Object.fromEntries(switches) as CommandLine<Key, Switch>["switches"],
    operands: positionals,
  };
}

function describeMissing(operand: string): string {
  return operand.includes("|")
    ? `one of ${operand.split("|").join(", ")} is missing`
    : `${operand} is missing`;
}

/** Whether there is nothing to run. */
export function isResult(read: object): read is CommandResult {
  return "exitCode" in read;
}

/** The whole help would push the fault off the screen, so it is only named. */
export function usageError(spec: CommandSpec<SettingKey, string>, fault: string): CommandResult {
  const { name } = spec;
  const stderr = `causeway ${name}: ${printable(fault)}\n${describeCall(spec)}; causeway help ${name} explains it\n`;
  return { exitCode: 2, stdout: "", stderr };
}

/** What help and completion say about a command of this kind. */
export function helpOf(spec: CommandSpec<SettingKey, string>): CommandHelp {
  return {
    ...spec,
    flags: [...switchFlags(spec.switches), ...spec.settings.map((key) => settingFlag(OPTIONS[key]))],
  };
}

/**
 * What --json prints: one object over several lines, with a newline at the end. Its `format` rises when a
 * former reader would misread it.
 */
export function jsonText(report: object): string {
  return `${printableJson(JSON.stringify({ format: 1, ...report }, undefined, 2))}
`;
}

function parse(
  { switches, settings }: CommandSpec<SettingKey, string>,
  args: readonly string[],
  faults: string[],
): { readonly values: Readonly<Record<string, unknown>>; readonly positionals: readonly string[] } {
  const flags = [
    ...Object.keys(switches).map((name) => [name, { type: "boolean" as const }] as const),
    ...settings.map((key) => [OPTIONS[key].flag, { type: "string" as const }] as const),
  ];
  try {
    return parseArgs({
      args: [...args],
      options: { ...Object.fromEntries(flags), help: { type: "boolean", short: "h" } },
      allowPositionals: true,
    });
  } catch (error) {
    faults.push(describeParseFault(error, [...flags.map(([flag]) => flag), "help"]));
    return { values: {}, positionals: [] };
  }
}
