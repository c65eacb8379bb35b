import type { CommandHelp } from "../../settings/command-help.ts";
import { flagsWithValue, operandWords, valuesOf } from "./values.ts";

/** A completion script for zsh: a function of fpath, and text to evaluate. */
export function completeZsh(commands: readonly CommandHelp[]): string {
  const names = commands.map(({ name, summary }) => quote(`${name}:${summary}`)).join(" ");
  const afterFlag = flagsWithValue(commands).map((flag) => {
    const values = valuesOf(flag);
    if (values.kind === "path") return `--${flag.name}) _files; return ;;`;
    return `--${flag.name}) ${values.kind === "free" ? `_message ${flag.value}` : `compadd -- ${values.words.join(" ")}`}; return ;;`;
  });
  const ofCommand = commands.map((command) => {
    const flags = [...command.flags, { name: "help", help: "this help" }];
    const words = operandWords(command).join(" ");
    const described = flags
      .map(({ name, help }) => quote(`--${name}:${help.replaceAll(":", "\\:")}`))
      .join(" ");
    return `${command.name}) ${words === "" ? "" : `compadd -- ${words}; `}flags=(${described}) ;;`;
  });
  return `#compdef causeway
# zsh completion for causeway, printed by "causeway completion zsh".
_causeway() {
  local -a commands flags
  local previous=\${words[CURRENT-1]}
  if (( CURRENT == 2 )); then
    commands=(${names})
    _describe command commands
    return
  fi
  if [[ \${words[CURRENT]} == --*=* ]]; then
    previous=\${words[CURRENT]%%=*}
    compset -P '*='
  fi
  case $previous in
    ${afterFlag.join("\n    ")}
  esac
  case \${words[2]} in
    ${ofCommand.join("\n    ")}
  esac
  _describe -o flag flags
}
if [[ \${funcstack[1]} == _causeway ]]; then _causeway "$@"; else compdef _causeway causeway; fi
`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
