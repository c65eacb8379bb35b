import { CONFLIST_NAME } from "../plan/node/conflist.ts";
import { parseArgs } from "node:util";
import { printable } from "../text/printable.ts";

/** What a command prints, and its exit code. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandInput {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly hostName: string;
  readonly version: string;
  /** Whether what is printed goes to a terminal. */
  readonly colours: boolean;
}

/** An agent that works answers within milliseconds. */
export const ASK_TIMEOUT_MS = 1000;

/** Flags that the agent has too, with its defaults: needed only where the agent does not run and was told otherwise. */
const FLAGS = {
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
  socket: { type: "string", default: "/run/causeway/agent.sock" },
  "cni-bin-dir": { type: "string", default: "/opt/cni/bin" },
  "cni-conf-dir": { type: "string", default: "/etc/cni/net.d" },
  "cni-conf-name": { type: "string", default: CONFLIST_NAME },
  "node-name": { type: "string" },
  kubeconfig: { type: "string" },
  "api-server": { type: "string" },
  "vxlan-port": { type: "string", default: "4789" },
  "vxlan-vni": { type: "string", default: "4096" },
} as const;

/** Flags and other arguments; throws with what is wrong. */
export function parseCommandLine(args: readonly string[]) {
  return parseArgs({ args: [...args], options: FLAGS, allowPositionals: true });
}

export function usageError(command: string, fault: string, usage: string): CommandResult {
  return { exitCode: 2, stdout: "", stderr: `causeway ${command}: ${printable(fault)}\n\n${usage}` };
}
