import { DOCTOR, runDoctor } from "../../inspect/run-doctor.ts";
import { openReader } from "../../kernel/read/open-reader.ts";
import { messageOf } from "../../lib/errors.ts";
import {
  type CommandInput,
  type CommandResult,
  isResult,
  readCommandLine,
  usageError,
} from "../../settings/command-line.ts";
import { OPTIONS } from "../../settings/options.ts";
import { status } from "../../status/status.ts";
import { describeDatapath, describeSysctls, describeTables } from "./kernel-files.ts";
import { readLogs } from "./log-files.ts";
import { describeMetrics, describeVersions } from "./agent-files.ts";
import { redact } from "./redact.ts";
import { writeTar } from "./tar.ts";

export const BUNDLE = {
  name: "bundle",
  summary: "Prints a tar archive for a bug report: causeway bundle >bundle.tar",
  about: `It holds the report, the findings of doctor, metrics, versions, Causeway's nftables, links, routes and sysctls.
On the node itself it also holds the agent's logs, which a container cannot read. It names pods, nodes and
their addresses, but contains no token, key or password.`,
  switches: {},
  settings: [...DOCTOR.settings, "probes"],
  exitCodes: "0 done; the file errors.txt names what could not be read, 2 wrong usage",
} as const;

/** A file of the archive by name, or why there is none. */
type Files = Map<string, () => Promise<string>>;

const README = `Made by "causeway bundle". Each file is what a command printed, or a part of the kernel's state.
Tokens, keys and passwords are left out. errors.txt names what could not be read.
`;

export async function runBundle(input: CommandInput): Promise<CommandResult> {
  const read = readCommandLine(BUNDLE, input.args);
  if (isResult(read)) return read;
  if (input.isTerminal)
    return usageError(BUNDLE, "the archive is binary: write it to a file, as causeway bundle >bundle.tar");
  const { settings } = read;
  const doctorFlags = DOCTOR.settings.flatMap((key) =>
    settings[key] === undefined ? [] : [`--${OPTIONS[key].flag}`, String(settings[key])],
  );
  const textOf = async (
    command: (one: CommandInput) => Promise<CommandResult>,
    ...args: readonly string[]
  ): Promise<string> => {
    const { stdout, stderr } = await command({ ...input, args, colours: false });
    return `${stdout}${stderr}`;
  };
  const { rtnetlink, close } = openReader();
  try {
    const files: Files = new Map([
      ["README.txt", async () => README],
      ["versions.json", () => describeVersions(input)],
      ["status.txt", () => textOf(status, "--all", "--socket", settings.socket)],
      ["report.json", () => textOf(status, "--json", "--socket", settings.socket)],
      ["doctor.txt", () => textOf(runDoctor, ...doctorFlags)],
      ["doctor.json", () => textOf(runDoctor, "--json", ...doctorFlags)],
      ["metrics.txt", () => describeMetrics(settings.probes)],
      ["state/datapath.json", () => describeDatapath(rtnetlink)],
      ["state/nftables.txt", describeTables],
      ["state/sysctls.txt", () => describeSysctls(rtnetlink)],
    ]);
    for (const [name, readLog] of await readLogs()) files.set(name, readLog);
    return { exitCode: 0, stdout: await pack(files, input.dateMs()), stderr: "" };
  } finally {
    close();
  }
}

/** The archive as text, which it is: so are all its files. */
async function pack(files: Files, dateMs: number): Promise<string> {
  const texts = new Map<string, string>();
  const faults: string[] = [];
  for (const [name, make] of files) {
    try {
      texts.set(name, redact(await make()));
    } catch (error) {
      faults.push(`${name}: ${redact(messageOf(error))}\n`);
    }
  }
  if (faults.length > 0) texts.set("errors.txt", faults.join(""));
  const archive = writeTar(
    [...texts].map(([name, text]) => ({
      type: "file",
      name: `causeway-bundle/${name}`,
      mode: 0o600,
      content: Buffer.from(text),
    })),
    dateMs,
  );
  return Buffer.from(archive).toString("utf8");
}
