import type { CommandHelp, Flag } from "../../settings/command-help.ts";

/** What may follow a flag: a path, one of `words`, or anything. */
export interface Values {
  readonly kind: "words" | "path" | "free";
  readonly words: readonly string[];
}

export function valuesOf({ value = "" }: Flag): Values {
  if (value === "PATH") return { kind: "path", words: [] };
  return value.includes("|") ? { kind: "words", words: value.split("|") } : { kind: "free", words: [] };
}

/** All flags that take a value, each once: one name means the same for every command. */
export function flagsWithValue(commands: readonly CommandHelp[]): readonly Flag[] {
  const flags = commands.flatMap((command) => command.flags).filter(({ value }) => value !== undefined);
  return [...new Map(flags.map((flag) => [flag.name, flag])).values()];
}

/** Words that a command takes besides flags. */
export function operandWords({ operands = [] }: CommandHelp): readonly string[] {
  return operands.flatMap((operand) => (operand.includes("|") ? operand.split("|") : []));
}
