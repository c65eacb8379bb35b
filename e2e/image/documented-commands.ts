import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../lib/tools.ts";

/** A command that a text tells people to run inside of the agent's container. */
export interface DocumentedCommand {
  /** Of the text, in the repository. */
  readonly file: string;
  /** The program, as it is typed there. */
  readonly program: string;
  readonly args: readonly string[];
}

/** What an operator reads: README, docs and the notes of the chart. */
const TEXTS: readonly string[] = [
  "README.md",
  "charts/causeway/templates/NOTES.txt",
  ...globSync("docs/**/*.md", { cwd: REPOSITORY }),
];

export function documentedCommands(): readonly DocumentedCommand[] {
  return TEXTS.flatMap((file) => findCommands(file, readFileSync(join(REPOSITORY, file), "utf8")));
}

/**
 * Commands behind `kubectl exec POD --`, and lines of shell blocks that begin with `causeway`, which is a
 * program of the image alone.
 */
export function findCommands(file: string, text: string): readonly DocumentedCommand[] {
  const inside = [...text.matchAll(/\bexec [^`\n]*?-- ([^`\n]+)/g)];
  const blocks = [...text.matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map(([, block = ""]) => block).join("\n");
  const own = [...blocks.matchAll(/^ *(causeway [^\n]+)/gm)];
  return [...inside, ...own].map(([, command = ""]) => {
    const [program = "", ...args] = command
      .replace(/ #.*|[>|;&].*/, "")
      .trim()
      .split(/\s+/);
    return { file, program, args };
  });
}
