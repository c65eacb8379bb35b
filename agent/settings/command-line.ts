import { parseArgs } from "node:util";
import * as v from "valibot";
import { printable } from "../text/printable.ts";
import { type Option, OPTIONS } from "./options.ts";

/** What a command prints, and its exit code: 0 done, 1 failed, 2 wrong usage; commands say which others they have. */
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
  readonly colours: boolean;
  /** Milliseconds since the epoch. */
  readonly dateMs: () => number;
}

export type SettingKey = keyof typeof OPTIONS;

/** What a command takes. `settings` are flags that the agent has, too, with its defaults. */
export interface CommandSpec<Key extends SettingKey, Switch extends string> {
  readonly name: string;
  readonly summary: string;
  /** More than one line about it, if needed. */
  readonly about?: string;
  /** Names of the arguments that are no flags, in order; all are needed. */
  readonly operands?: readonly string[];
  /** Flags without a value, by name, with their help. */
  readonly switches: Readonly<Record<Switch, string>>;
  readonly settings: readonly Key[];
  readonly exitCodes: string;
}

export interface CommandLine<Key extends SettingKey, Switch extends string> {
  readonly settings: { readonly [K in Key]: v.InferOutput<(typeof OPTIONS)[K]["schema"]> };
  readonly switches: Readonly<Record<Switch, boolean>>;
  readonly operands: readonly string[];
}

/** Reads the arguments of a command; the answer is a result where there is nothing to run: help was asked for, or the usage is wrong. */
export function readCommandLine<Key extends SettingKey, Switch extends string>(
  spec: CommandSpec<Key, Switch>,
  args: readonly string[],
): CommandLine<Key, Switch> | CommandResult {
  const faults: string[] = [];
  const { values, positionals } = parse(spec, args, faults);
  if (values["help"] === true) return { exitCode: 0, stdout: describeUsage(spec), stderr: "" };
  const operands = spec.operands ?? [];
  for (const missing of operands.slice(positionals.length)) faults.push(`${missing} is missing`);
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

/** Whether there is nothing to run. */
export function isResult(read: object): read is CommandResult {
  return "exitCode" in read;
}

export function usageError(spec: CommandSpec<SettingKey, string>, fault: string): CommandResult {
  const stderr = `causeway ${spec.name}: ${printable(fault)}\n\n${describeUsage(spec)}`;
  return { exitCode: 2, stdout: "", stderr };
}

/** The help of a command: what it does, and every flag with its default. */
export function describeUsage(spec: CommandSpec<SettingKey, string>): string {
  const rows = [
    ...Object.entries(spec.switches).map(([name, help]) => [`--${name}`, help] as const),
    ...spec.settings.map((key) => describeOption(OPTIONS[key])),
    ["-h, --help", "this help"] as const,
  ];
  const usage = ["usage: causeway", spec.name, "[flags]", ...(spec.operands ?? [])].join(" ");
  const about = spec.about === undefined ? "" : `\n${spec.about}\n`;
  return `${usage}\n\n${spec.summary}.\n${about}\n${formatRows(rows)}\nexit code: ${spec.exitCodes}\n`;
}

/** Lines of two columns, as every help has them. */
export function formatRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, help]) => `  ${left.padEnd(width)}${help}\n`).join("");
}

/** A flag with its value, and its help with the default. */
export function describeOption({ flag, value, help, schema }: Option): readonly [string, string] {
  const standard: unknown = "default" in schema ? schema.default : undefined;
  const isShown =
    typeof standard === "string" || typeof standard === "number" || typeof standard === "boolean";
  return [`--${flag} ${value}`, isShown ? `${help}; default: ${standard}` : help];
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
    faults.push((error as Error).message.replace(/\. To specify.*$/s, ""));
    return { values: {}, positionals: [] };
  }
}
