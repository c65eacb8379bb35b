import {
  type CommandInput,
  type CommandResult,
  isResult,
  jsonText,
  readCommandLine,
} from "../settings/command-line.ts";

export const VERSION = {
  name: "version",
  summary: "Prints the version",
  switches: { json: "with the version of Node.js, as one JSON object" },
  settings: [],
  exitCodes: "0 done, 2 wrong usage",
} as const;

export async function printVersion({ args, version }: CommandInput): Promise<CommandResult> {
  const read = readCommandLine(VERSION, args);
  if (isResult(read)) return read;
  const report = { version, nodeVersion: process.versions.node };
  return { exitCode: 0, stdout: read.switches.json ? jsonText(report) : `${version}\n`, stderr: "" };
}
