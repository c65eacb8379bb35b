import { roomForNetwork } from "../../plan/pods/attachment.ts";
import { CNI_CODE, CniError, invalidValue } from "../cni-error.ts";
import { showValue } from "../../text/show-value.ts";
import type { RequestFrame } from "./frame.ts";
import {
  type CniVersion,
  type NetworkConfig,
  parseNetworkConfig,
  SUPPORTED_VERSIONS,
} from "./network-config.ts";
import { parseRuntimeConfig, type RuntimeConfig } from "./runtime-config.ts";

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

/** A request that works inside the pod, through the descriptors that came with it. */
interface InPod {
  readonly netns: string;
  readonly fds: PodFds;
}

export type CniRequest =
  | ({ readonly command: "ADD"; readonly runtimeConfig: RuntimeConfig } & InPod & PodRequest)
  | ({ readonly command: "CHECK" } & InPod & PodRequest)
  | ({ readonly command: "DEL" } & PodRequest)
  | { readonly command: "GC"; readonly config: NetworkConfig }
  | { readonly command: "STATUS"; readonly config: NetworkConfig }
  | { readonly command: "VERSION" };

export type CniCommand = CniRequest["command"];

const COMMANDS: readonly string[] = [
  "ADD",
  "CHECK",
  "DEL",
  "GC",
  "STATUS",
  "VERSION",
] satisfies readonly CniCommand[];

/** SPEC.md, section "Parameters": what each command needs; NETNS is optional for DEL. */
const REQUIRED: Readonly<Record<CniCommand, readonly string[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  GC: [],
  STATUS: [],
  VERSION: [],
};

const CONTAINER_ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * dev_valid_name() of net/core/dev.c: IFNAMSIZ less NUL, no slash, no colon, no white space, not "." or "..".
 * Nor "%", for which the kernel puts a number of its own choice (dev_prep_valid_name()), or anything beyond
 * printable ASCII.
 */
const IFNAME = /^(?!\.{1,2}$)[!-$&-.0-9;-~]{1,15}$/;

/** Longest container ID whose alias fits: runtimes use 64 characters. */
const MAX_CONTAINER_ID = 100;

/**
 * Understands a frame. Throws CniError 4 (environment, all missing variables in one), 6, 7 or 1
 * (configuration).
 */
export function parseRequest(frame: RequestFrame, fds: readonly number[]): CniRequest {
  const { environment, stdin } = frame;
  const command = parseCommand(environment.get("CNI_COMMAND"));
  const missing = REQUIRED[command].filter((name) => !environment.get(name));
  if (missing.length > 0) {
    throw invalidEnvironment(`Required CNI variables are missing: ${missing.join(", ")}`);
  }
  if (command === "VERSION") return { command };
  const config = parseNetworkConfig(stdin);
  requireVersion(command, config.cniVersion);
  if (command === "STATUS" || command === "GC") return { command, config };
  if (command === "DEL") return { command, ...namesOf(environment), config };
  const pod: PodRequest = { ...validNames(environment, config), config };
  const inPod: InPod = { netns: environment.get("CNI_NETNS") ?? "", fds: podFds(command, fds) };
  if (command === "CHECK") return { command, ...pod, ...inPod };
  return {
    command,
    ...pod,
    ...inPod,
    runtimeConfig: parseRuntimeConfig(config, environment.get("CNI_ARGS") ?? ""),
  };
}

type PodNames = Pick<PodRequest, "containerId" | "ifname">;

/** As they come: a DEL of what ADD has refused finds nothing, and succeeds. */
function namesOf(environment: RequestFrame["environment"]): PodNames {
  return {
    containerId: environment.get("CNI_CONTAINERID") ?? "",
    ifname: environment.get("CNI_IFNAME") ?? "",
  };
}

function validNames(environment: RequestFrame["environment"], { name }: NetworkConfig): PodNames {
  const containerId = matching(environment, "CNI_CONTAINERID", CONTAINER_ID);
  if (containerId.length > MAX_CONTAINER_ID) {
    throw invalidEnvironment(
      `Cannot use CNI_CONTAINERID ${showValue(containerId)}: it has more than ${MAX_CONTAINER_ID} characters`,
    );
  }
  const ifname = matching(environment, "CNI_IFNAME", IFNAME);
  const room = roomForNetwork({ containerId, ifname });
  if (name.length > room)
    throw invalidValue("name", name, `container ID and interface name leave room for ${room} characters`);
  return { containerId, ifname };
}

/** First version of the specification that has a command, where that is not the first of all. */
const SINCE: Readonly<Partial<Record<CniCommand, CniVersion>>> = {
  CHECK: "0.4.0",
  GC: "1.1.0",
  STATUS: "1.1.0",
};

function requireVersion(command: CniCommand, version: CniVersion): void {
  const since = SINCE[command];
  if (since === undefined || SUPPORTED_VERSIONS.indexOf(version) >= SUPPORTED_VERSIONS.indexOf(since)) return;
  const message = `Cannot serve ${command}: it needs cniVersion ${since} or later, not "${version}"`;
  throw new CniError(CNI_CODE.incompatibleVersion, message);
}

function podFds(command: CniCommand, [netns, rtnetlink]: readonly number[]): PodFds {
  if (netns !== undefined && rtnetlink !== undefined) return { netns, rtnetlink };
  throw new CniError(
    CNI_CODE.ioFailure,
    `Cannot serve ${command}: the frame carries fewer than 2 descriptors`,
  );
}

function parseCommand(value: string | undefined): CniCommand {
  if (value === undefined || value === "")
    throw invalidEnvironment("Required CNI variables are missing: CNI_COMMAND");
  if (!isCommand(value))
    throw invalidEnvironment(
      `Cannot use CNI_COMMAND ${showValue(value)}: supported values are ${COMMANDS.join(", ")}`,
    );
  return value;
}

function isCommand(value: string): value is CniCommand {
  return COMMANDS.includes(value);
}

function matching(environment: ReadonlyMap<string, string>, name: string, pattern: RegExp): string {
  const value = environment.get(name) ?? "";
  if (!pattern.test(value))
    throw invalidEnvironment(`Cannot use ${name} ${showValue(value)}: it does not match ${pattern.source}`);
  return value;
}

function invalidEnvironment(message: string): CniError {
  return new CniError(CNI_CODE.invalidEnvironment, message);
}
