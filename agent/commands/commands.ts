import { DOCTOR, runDoctor } from "../inspect/run-doctor.ts";
import { runTrace, TRACE } from "../inspect/run-trace.ts";
import { PAGE, printPage } from "../page/print-page.ts";
import { type CommandInput, type CommandResult, formatRows } from "../settings/command-line.ts";
import { STATUS, status } from "../status/status.ts";
import { printable } from "../text/printable.ts";
import { AGENT, type Exit, runAgent } from "./agent.ts";
import { nearest } from "./nearest.ts";
import { runSetIpv6Forwarding, SET_IPV6_FORWARDING } from "./set-ipv6-forwarding.ts";
import { runUninstall, UNINSTALL } from "./uninstall.ts";

interface Command {
  readonly name: string;
  readonly summary: string;
  readonly run: (input: CommandInput, exit: Exit) => Promise<CommandResult>;
}

const COMMANDS: readonly Command[] = [
  { ...AGENT, run: runAgent },
  { ...STATUS, run: status },
  { ...DOCTOR, run: runDoctor },
  { ...TRACE, run: runTrace },
  { ...PAGE, run: printPage },
  { ...UNINSTALL, run: runUninstall },
  { ...SET_IPV6_FORWARDING, run: runSetIpv6Forwarding },
];

/** Runs the command that the arguments begin with. */
export async function runCommand(input: CommandInput, exit: Exit): Promise<CommandResult> {
  const [name, ...args] = input.args;
  switch (name) {
    case "version":
    case "--version":
      return { exitCode: 0, stdout: `${input.version}\n`, stderr: "" };
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

function unknownCommand(name: string): CommandResult {
  const close = nearest(name, [...COMMANDS.map((command) => command.name), "help", "version"]);
  const hint = close === undefined ? "causeway help lists the commands" : `did you mean "${close}"?`;
  return { exitCode: 2, stdout: "", stderr: `causeway: unknown command "${printable(name)}"; ${hint}\n` };
}

function describeCommands(version: string): string {
  const rows = [
    ...COMMANDS.map(({ name, summary }) => [name, summary] as const),
    ["version", "Prints the version"] as const,
    ["help", "Prints this, or the help of a command: causeway help COMMAND"] as const,
  ];
  return `causeway ${version}: Kubernetes CNI node agent\n\nusage: causeway COMMAND [flags]\n\n${formatRows(rows)}`;
}
