import { join } from "node:path";
import { COMMAND_HELPS, describeCommands } from "../../agent/commands/commands.ts";
import { describeUsage } from "../../agent/settings/command-help.ts";

export const COMMANDS_DOC = join(import.meta.dirname, "..", "..", "docs", "commands.md");

/** docs/commands.md, from the help of every command. */
export function writeCommandsDoc(): string {
  const sections = COMMAND_HELPS.map((command) => {
    return `## \`causeway ${command.name}\`\n\n${fence(describeUsage(command))}\n`;
  });
  return `# Commands

\`npm run docs\` writes this page from the help of the commands; a test fails when it is not current.

In a cluster, run a command in the agent's pod of the node:

\`\`\`sh
kubectl -n NAMESPACE exec POD_OF_THE_AGENT -- causeway status
\`\`\`

The plugin [\`kubectl causeway\`](kubectl.md) finds that pod by itself.

- Every command that prints data has \`--json\`. The objects have a key \`format\`. Its number rises
  when an older reader would misread them; otherwise keys are only added.
- Colours are for terminals only. A \`NO_COLOR\` that is not empty turns them off.
- Errors go to stderr. What a command has to say goes to stdout.
- [Shell completion](#causeway-completion) knows every command, flag and value.

${fence(describeCommands("VERSION"))}

${sections.join("\n")}`;
}

function fence(text: string): string {
  return `\`\`\`text\n${text}\`\`\``;
}
