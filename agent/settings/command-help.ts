import type { OPTIONS } from "./options.ts";
import type { Option } from "./schemas.ts";

export type SettingKey = keyof typeof OPTIONS;

/** One flag, as help and shell completion show it. */
export interface Flag {
  readonly name: string;
  /** What it takes, such as `PATH` or `auto|never|always`; undefined for a switch. */
  readonly value?: string | undefined;
  readonly help: string;
}

/** What help and shell completion say about a command. */
export interface CommandHelp {
  readonly name: string;
  readonly summary: string;
  /** More than one line about it, if needed. */
  readonly about?: string | undefined;
  /**
   * Names of the arguments that are no flags, in order; all are needed. `one|other` takes one of these words.
   */
  readonly operands?: readonly string[] | undefined;
  readonly flags: readonly Flag[];
  readonly exitCodes: string;
}

/** Flags without a value, by name with their help. */
export function switchFlags(switches: Readonly<Record<string, string>>): readonly Flag[] {
  return Object.entries(switches).map(([name, help]) => ({ name, help }));
}

/** The flag of a setting; its help ends with the default. */
export function settingFlag({ flag, value, help, schema }: Option): Flag {
  const standard: unknown = "default" in schema ? schema.default : undefined;
  const isShown =
    typeof standard === "string" || typeof standard === "number" || typeof standard === "boolean";
  return { name: flag, value, help: isShown ? `${help}; default: ${standard}` : help };
}

/** How a command is called, in one line. */
export function describeCall({ name, operands = [] }: Pick<CommandHelp, "name" | "operands">): string {
  return ["usage: causeway", name, "[flags]", ...operands].join(" ");
}

/** The text of `causeway NAME --help`. */
export function describeUsage({
  name,
  summary,
  about,
  operands = [],
  flags,
  exitCodes,
}: CommandHelp): string {
  const rows = flags.map(({ name: flag, value, help }) => [
    value === undefined ? `--${flag}` : `--${flag} ${value}`,
    help,
  ]);
  const usage = describeCall({ name, operands });
  const more = about === undefined ? "" : `\n${about}\n`;
  const table = formatRows([...rows, ["-h, --help", "this help"]]);
  return `${usage}\n\n${summary}.\n${more}\n${table}\nexit code: ${exitCodes}\n`;
}

/** Lines of two columns, as every help has them. */
export function formatRows(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([left = ""]) => left.length)) + 2;
  return rows.map(([left = "", help = ""]) => `  ${left.padEnd(width)}${help}\n`).join("");
}
