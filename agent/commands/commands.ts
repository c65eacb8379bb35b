import { DOCTOR, runDoctor } from "../inspect/run-doctor.ts";
import { runTrace, TRACE } from "../inspect/run-trace.ts";
import { PAGE, printPage } from "../page/print-page.ts";
import { type CommandHelp, formatRows } from "../settings/command-help.ts";
import { type CommandInput, type CommandResult, helpOf } from "../settings/command-line.ts";
import { STATUS, status } from "../status/status.ts";
import { nearest } from "../text/nearest.ts";
import { printable } from "../text/printable.ts";
import { AGENT, type Exit, runAgent } from "./agent.ts";
import { BUNDLE, runBundle } from "./bundle/bundle.ts";
import { COMPLETION, printCompletion } from "./completion/completion.ts";
import { configuredHelp } from "./read-config.ts";
import { ROTATE_KEY, rotateKey } from "./rotate-key.ts";
import { runSetIpv6Forwarding, SET_IPV6_FORWARDING } from "./set-ipv6-forwarding.ts";
import { runUninstall, UNINSTALL } from "./uninstall.ts";
import { printVersion, VERSION } from "./version.ts";

interface Command extends CommandHelp {
  readonly run: (input: CommandInput, exit: Exit) => Promise<CommandResult>;
}

const COMMANDS: readonly Command[] = [
  { ...configuredHelp(AGENT), run: runAgent },
  { ...helpOf(STATUS), run: status },
  { ...helpOf(DOCTOR), run: runDoctor },
  { ...helpOf(TRACE), run: runTrace },
  { ...helpOf(PAGE), run: printPage },
  { ...helpOf(BUNDLE), run: runBundle },
  { ...helpOf(ROTATE_KEY), run: rotateKey },
  { ...configuredHelp(UNINSTALL), run: runUninstall },
  { ...helpOf(SET_IPV6_FORWARDING), run: runSetIpv6Forwarding },
  { ...helpOf(COMPLETION), run: (input) => printCompletion(input, completed()) },
  { ...helpOf(VERSION), run: printVersion },
];

/** Every command, for help and docs. */
export const COMMAND_HELPS: readonly CommandHelp[] = COMMANDS;

/** What each exit code means, whatever the command. */
const EXIT_CODES = [
  ["0", "done; status: ready; doctor: nothing to do; trace: the path is complete"],
  ["1", "the command failed; status: not ready, or the agent does not answer"],
  ["2", "wrong usage or configuration"],
  ["3", "doctor, trace: warnings"],
  ["4", "doctor: faults; trace: the path is broken"],
] as const;

/** Runs the command that the arguments begin with. */
export async function runCommand(input: CommandInput, exit: Exit): Promise<CommandResult> {
  const [name, ...args] = input.args;
  switch (name) {
    case "--version":
      return runCommand({ ...input, args: ["version", ...args] }, exit);
    case "help":
    case "--help":
    case "-h":
      if (args[0] !== undefined) return runCommand({ ...input, args: [args[0], "--help"] }, exit);
      return { exitCode: 0, stdout: describeCommands(input.version), stderr: "" };
    case undefined:
      return { exitCode: 2, stdout: "", stderr: describeCommands(input.version) };
    default: {
      const command = COMMANDS.find((one) => one.name === name);
      return command === undefined ? unknownCommand(name) : command.run({ ...input, args }, exit);
    }
  }
}

/** `help` takes the other commands' names. */
function completed(): readonly CommandHelp[] {
  const names = COMMANDS.map((command) => command.name).join("|");
  return [
    ...COMMANDS,
    { name: "help", summary: "Prints the help of a command", operands: [names], flags: [], exitCodes: "" },
  ];
}

function unknownCommand(name: string): CommandResult {
  const close = nearest(name, [...COMMANDS.map((command) => command.name), "help"]);
  const hint = close === undefined ? "causeway help lists the commands" : `did you mean "${close}"?`;
  return { exitCode: 2, stdout: "", stderr: `causeway: unknown command "${printable(name)}"; ${hint}\n` };
}

/** The text of `causeway help`. */
export function describeCommands(version: string): string {
  const rows = [
    ...COMMANDS.map(({ name, summary }) => [name, summary] as const),
    ["help", "Prints this, or the help of a command: causeway help COMMAND"] as const,
  ];
  return `causeway ${version}: Kubernetes CNI node agent

usage: causeway COMMAND [flags]

${formatRows(rows)}
exit codes:
${formatRows(EXIT_CODES)}
environment:
${formatRows([
  ["NO_COLOR", "no colours if it is set and not empty; without it, only terminals get colours"],
  ["NODE_NAME", "name of this node, unless --node-name gives one"],
])}`;
}
