import { loadNative } from "../kernel/socket/native.ts";
import { setIpv6Forwarding } from "../kernel/uplink/set-ipv6-forwarding.ts";
import {
  type CommandInput,
  type CommandResult,
  isResult,
  readCommandLine,
} from "../settings/command-line.ts";
import { printable } from "../text/printable.ts";

export const SET_IPV6_FORWARDING = {
  name: "set-ipv6-forwarding",
  summary: "Lets the node forward IPv6, where the agent itself may not",
  about: "For an init container that may write /proc/sys.",
  switches: {},
  settings: [],
  exitCodes: "0 done, 1 something could not be set, 2 wrong usage",
} as const;

export async function runSetIpv6Forwarding({ args }: CommandInput): Promise<CommandResult> {
  const read = readCommandLine(SET_IPV6_FORWARDING, args);
  if (isResult(read)) return read;
  const { changes, faults } = await setIpv6Forwarding(loadNative());
  return {
    exitCode: faults.length === 0 ? 0 : 1,
    stdout: changes.map(({ fault }) => `Set IPv6 forwarding: ${printable(fault)}\n`).join(""),
    stderr: faults.map((fault) => `causeway: ${printable(fault)}\n`).join(""),
  };
}
