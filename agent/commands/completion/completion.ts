import type { CommandHelp } from "../../settings/command-help.ts";
import {
  type CommandInput,
  type CommandResult,
  isResult,
  readCommandLine,
  usageError,
} from "../../settings/command-line.ts";
import { completeBash } from "./bash.ts";
import { completeFish } from "./fish.ts";
import { completeZsh } from "./zsh.ts";

export const COMPLETION = {
  name: "completion",
  summary: "Prints shell completion for causeway",
  about: `bash: eval "$(causeway completion bash)" in ~/.bashrc
zsh:  causeway completion zsh >DIRECTORY_OF_FPATH/_causeway
fish: causeway completion fish >~/.config/fish/completions/causeway.fish`,
  operands: ["bash|zsh|fish"],
  switches: {},
  settings: [],
  exitCodes: "0 done, 2 wrong usage",
} as const;

const SHELLS: Readonly<Record<string, (commands: readonly CommandHelp[]) => string>> = {
  bash: completeBash,
  zsh: completeZsh,
  fish: completeFish,
};

export async function printCompletion(
  { args }: CommandInput,
  commands: readonly CommandHelp[],
): Promise<CommandResult> {
  const read = readCommandLine(COMPLETION, args);
  if (isResult(read)) return read;
  const [shell = ""] = read.operands;
  const complete = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (complete === undefined) return usageError(COMPLETION, `there is no completion for "${shell}"`);
  return { exitCode: 0, stdout: complete(commands), stderr: "" };
}
