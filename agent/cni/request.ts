import { CNI_CODE, CniError } from "./cni-error.ts";
import type { RequestFrame } from "./frame.ts";
import { type NetworkConfig, parseNetworkConfig } from "./network-config.ts";

/** The pod's descriptors that came with a frame. The addon owns them until the request is answered. */
export interface PodFds {
  readonly netns: number;
  readonly rtnetlink: number;
}

export interface PodRequest {
  readonly containerId: string;
  readonly ifname: string;
  readonly config: NetworkConfig;
}

export type CniRequest =
  | ({ readonly command: "ADD"; readonly netns: string; readonly fds: PodFds } & PodRequest)
  | ({ readonly command: "DEL" } & PodRequest)
  | { readonly command: "STATUS"; readonly config: NetworkConfig }
  | { readonly command: "VERSION" };

export type CniCommand = CniRequest["command"];

const COMMANDS: readonly string[] = ["ADD", "DEL", "STATUS", "VERSION"] satisfies readonly CniCommand[];

/** SPEC.md, section "Parameters": what each command needs; NETNS is optional for DEL. */
const REQUIRED: Readonly<Record<CniCommand, readonly string[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  STATUS: [],
  VERSION: [],
};

const CONTAINER_ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** dev_valid_name() of net/core/dev.c: IFNAMSIZ less NUL, no slash, no colon, no white space, not "." or "..". */
const IFNAME = /^(?!\.{1,2}$)[^/:\s]{1,15}$/;

/** Longest container ID whose alias fits: runtimes use 64 characters. */
const MAX_CONTAINER_ID = 100;

/** Understands a frame. Throws CniError 4 (environment, all missing variables in one), 6, 7 or 1 (configuration). */
export function parseRequest(frame: RequestFrame, fds: readonly number[]): CniRequest {
  const { environment, stdin } = frame;
  const command = parseCommand(environment.get("CNI_COMMAND"));
  const missing = REQUIRED[command].filter((name) => !environment.get(name));
  if (missing.length > 0) {
    throw invalidEnvironment(`Required CNI variables are missing: ${missing.join(", ")}`);
  }
  if (command === "VERSION") return { command };
  const config = parseNetworkConfig(stdin);
  if (command === "STATUS") return { command, config };
  const containerId = matching(environment, "CNI_CONTAINERID", CONTAINER_ID);
  if (containerId.length > MAX_CONTAINER_ID) {
    throw invalidEnvironment(
      `Cannot use CNI_CONTAINERID "${containerId}": it has more than ${MAX_CONTAINER_ID} characters`,
    );
  }
  const pod: PodRequest = { containerId, ifname: matching(environment, "CNI_IFNAME", IFNAME), config };
  if (command === "DEL") return { command, ...pod };
  const [netns, rtnetlink] = fds;
  if (netns === undefined || rtnetlink === undefined) {
    throw new CniError(
      CNI_CODE.ioFailure,
      `Cannot serve ADD: frame carries ${fds.length} descriptors instead of 2`,
    );
  }
  return { command, ...pod, netns: environment.get("CNI_NETNS") ?? "", fds: { netns, rtnetlink } };
}

function parseCommand(value: string | undefined): CniCommand {
  if (value === undefined || value === "")
    throw invalidEnvironment("Required CNI variables are missing: CNI_COMMAND");
  if (!isCommand(value))
    throw invalidEnvironment(`Cannot use CNI_COMMAND "${value}": supported are ${COMMANDS.join(", ")}`);
  return value;
}

function isCommand(value: string): value is CniCommand {
  return COMMANDS.includes(value);
}

function matching(environment: ReadonlyMap<string, string>, name: string, pattern: RegExp): string {
  const value = environment.get(name) ?? "";
  if (!pattern.test(value))
    throw invalidEnvironment(
      `Cannot use ${name} ${JSON.stringify(value)}: it does not match ${pattern.source}`,
    );
  return value;
}

function invalidEnvironment(message: string): CniError {
  return new CniError(CNI_CODE.invalidEnvironment, message);
}
