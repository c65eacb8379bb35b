import type { CommandHelp, Flag } from "../../settings/command-help.ts";
import { operandWords, valuesOf } from "./values.ts";

/** A completion script for fish 3. */
export function completeFish(commands: readonly CommandHelp[]): string {
  const lines = commands.flatMap((command) => {
    const { name, summary, flags } = command;
    const condition = `-n ${quote(`__fish_seen_subcommand_from ${name}`)}`;
    const words = operandWords(command);
    return [
      `complete -c causeway -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`,
      ...(words.length === 0 ? [] : [`complete -c causeway ${condition} -a ${quote(words.join(" "))}`]),
      ...flags.map((flag) => `complete -c causeway ${condition} ${describeFlag(flag)}`),
      `complete -c causeway ${condition} -s h -l help -d 'this help'`,
    ];
  });
  return `# fish completion for causeway, printed by "causeway completion fish".
complete -c causeway -f
${lines.join("\n")}
`;
}

function describeFlag(flag: Flag): string {
  const about = `-l ${flag.name} -d ${quote(flag.help)}`;
  if (flag.value === undefined) return about;
  const values = valuesOf(flag);
  if (values.kind === "path") return `${about} -r -F`;
  return values.kind === "free" ? `${about} -x` : `${about} -x -a ${quote(values.words.join(" "))}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
