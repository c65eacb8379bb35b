import type { CommandHelp } from "../../settings/command-help.ts";
import { flagsWithValue, operandWords, valuesOf } from "./values.ts";

/** A completion script for bash 4.4 and newer. */
export function completeBash(commands: readonly CommandHelp[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const afterFlag = flagsWithValue(commands).map((flag) => {
    const values = valuesOf(flag);
    if (values.kind === "path") return `--${flag.name}) compopt -o default; return ;;`;
    return `--${flag.name}) ${values.kind === "free" ? "return" : `words="${values.words.join(" ")}"`} ;;`;
  });
  const ofCommand = commands.map((command) => {
    const words = [
      ...operandWords(command),
      ...[...command.flags.map(({ name }) => name), "help"].map((name) => `--${name}`),
    ];
    return `${command.name}) words="${words.join(" ")}" ;;`;
  });
  return `# bash completion for causeway, printed by "causeway completion bash".
_causeway() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} words=""
  COMPREPLY=()
  # bash takes "--flag=value" for three words.
  if [ "$current" = "=" ]; then
    current=""
  elif [ "$previous" = "=" ]; then
    previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case \${COMP_WORDS[1]} in
    ${ofCommand.join("\n    ")}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${names}"; fi
  case $previous in
    ${afterFlag.join("\n    ")}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _causeway causeway
`;
}
