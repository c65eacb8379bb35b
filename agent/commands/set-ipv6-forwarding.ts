import { loadNative } from "../kernel/socket/native.ts";
import { setIpv6Forwarding } from "../kernel/uplink/set-ipv6-forwarding.ts";
import {
  type CommandInput,
  type CommandResult,
  isResult,
  jsonText,
  readCommandLine,
} from "../settings/command-line.ts";
import { printable } from "../text/printable.ts";

export const SET_IPV6_FORWARDING = {
  name: "set-ipv6-forwarding",
  summary: "Turns on IPv6 forwarding, which the agent's own container cannot do",
  about: "It is for an init container that may write /proc/sys.",
  switches: { json: "which settings were written and which were not, as one JSON object" },
  settings: [],
  exitCodes: "0 done, 1 a setting could not be written, 2 wrong usage",
} as const;

export async function runSetIpv6Forwarding({ args, version }: CommandInput): Promise<CommandResult> {
  const read = readCommandLine(SET_IPV6_FORWARDING, args);
  if (isResult(read)) return read;
  const { changes, faults } = await setIpv6Forwarding(loadNative());
  const exitCode = faults.length === 0 ? 0 : 1;
  if (read.switches.json) {
    const done = changes.map(({ fault }) => fault);
    return { exitCode, stdout: jsonText({ version, done, faults }), stderr: "" };
  }
  return {
    exitCode,
    stdout: changes.map(({ fault }) => `Set IPv6 forwarding: ${printable(fault)}\n`).join(""),
    stderr: faults.map((fault) => `causeway: ${printable(fault)}\n`).join(""),
  };
}
