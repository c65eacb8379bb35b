import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { parse as parseYaml } from "yaml";
import { isLoopback } from "../net/address.ts";
import { DNS_SUBDOMAIN } from "../net/dns-name.ts";
import { type Flag, settingFlag } from "./command-help.ts";
import { nextPort } from "../plan/encryption/plan-device.ts";
import { ENCRYPTION_OPTIONS } from "./encryption-options.ts";
import { ALL_OPTIONS, OPTIONS } from "./options.ts";
import { describeParseFault } from "./parse-fault.ts";
import { POLICY_OPTIONS } from "./policy-options.ts";
import type { ListenAddress, Option } from "./schemas.ts";

/** Faults of the configuration, all together, each with key and value. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`Cannot use the configuration: ${faults.join("; ")}`);
    this.name = "ConfigError";
    this.faults = faults;
  }
}

type Schemas<Options extends Readonly<Record<string, Option>>> = {
  [Key in keyof Options]: Options[Key]["schema"];
};

function schemasOf<Options extends Readonly<Record<string, Option>>>(options: Options): Schemas<Options> {
  return Object.fromEntries(
    Object.entries(options).map(([key, option]) => [key, option.schema]),
  ) as Schemas<Options>;
}

const SCHEMA = v.strictObject({
  ...schemasOf(OPTIONS),
  policy: v.optional(v.strictObject(schemasOf(POLICY_OPTIONS), "must be a mapping of settings"), {}),
  encryption: v.optional(v.strictObject(schemasOf(ENCRYPTION_OPTIONS), "must be a mapping of settings"), {}),
});

type Settings = v.InferOutput<typeof SCHEMA>;

/** The agent's configuration: flags over the YAML file over defaults. */
export type Config = Omit<Settings, "nodeName"> & { readonly nodeName: string };

export interface ConfigInput {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly hostName: string;
}

/** Reads flags and the file of `--config`; throws ConfigError with all faults. */
export function loadConfig({ args, environment, hostName }: ConfigInput): Config {
  const faults: string[] = [];
  const { file, flags } = readFlags(args, faults);
  const parsed = v.safeParse(SCHEMA, mergeFlags(readConfigFile(file, faults), flags));
  if (!parsed.success) faults.push(...parsed.issues.map(describeIssue));
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  const config = {
    ...parsed.output,
    nodeName: parsed.output.nodeName ?? environment["NODE_NAME"] ?? hostName,
  };
  if (!DNS_SUBDOMAIN.test(config.nodeName))
    faults.push(`nodeName "${config.nodeName}" must be a valid Kubernetes node name`);
  if (config.standalone && config.nodesFile === undefined)
    faults.push("nodesFile is missing: standalone needs it");
  if (!config.standalone && config.nodesFile !== undefined) {
    faults.push(`nodesFile "${config.nodesFile}" has no effect because standalone is false`);
  }
  if (!config.standalone && config.objectsFile !== undefined)
    faults.push(`objectsFile "${config.objectsFile}" has no effect because standalone is false`);
  if (config.standalone && config.daemonSet !== undefined)
    faults.push(`daemonSet "${config.daemonSet}" has no effect because standalone is true`);
  if (config.bridge === config.vxlanDevice)
    faults.push(`vxlanDevice "${config.vxlanDevice}" is also the name of the bridge`);
  if (config.encryption.require && config.encryption.type === "none")
    faults.push("encryption.require true has no effect because encryption.type is none");
  if (config.encryption.type !== "none" && config.encryption.require && config.clusterCIDRs.length === 0)
    faults.push(
      "encryption.require true needs clusterCIDRs: where no packet may go in clear, whatever nodes are known",
    );
  if (config.encryption.type !== "none" && config.encryption.port === config.vxlanPort)
    faults.push(`encryption.port ${config.encryption.port} is also vxlanPort`);
  if (config.encryption.type !== "none" && nextPort(config.encryption.port) === config.vxlanPort)
    faults.push(
      `encryption.port ${config.encryption.port}: port ${config.vxlanPort}, on which its keys are rotated, is also vxlanPort`,
    );
  const probes = JSON.stringify(`${config.probes.address}:${config.probes.port}`);
  if (!isLoopback(config.probes.address)) faults.push(`probes ${probes} must be on a loopback address`);
  if (isSamePort(config.http, config.probes)) faults.push(`probes ${probes} is also what http listens on`);
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/** Whether only one of both can listen. Port 0 is any that is free. */
function isSamePort(http: ListenAddress, probes: ListenAddress): boolean {
  const isSameAddress = [probes.address, "0.0.0.0", "::"].includes(http.address);
  return http.port === probes.port && http.port !== 0 && isSameAddress;
}

/** Every flag of the agent. */
export function configFlags(): readonly Flag[] {
  return [
    {
      name: "config",
      value: "PATH",
      help: "YAML file with the same settings, in camel case; flags win",
    },
    ...Object.values(ALL_OPTIONS).map(settingFlag),
  ];
}

/** A flag is about one setting, also of those that are in a mapping of their own. */
function mergeFlags(file: object, flags: Readonly<Record<string, unknown>>): object {
  const merged: Record<string, unknown> = { ...file };
  for (const [path, value] of Object.entries(flags)) {
    const [outer = "", inner] = path.split(".");
    merged[outer] = inner === undefined ? value : { ...(merged[outer] as object), [inner]: value };
  }
  return merged;
}

function readFlags(
  args: readonly string[],
  faults: string[],
): { file: string | undefined; flags: Record<string, unknown> } {
  const options = Object.fromEntries(
    Object.values(ALL_OPTIONS).map(({ flag: name, multiple }) => [
      name,
      { type: "string" as const, multiple: multiple === true },
    ]),
  );
  try {
    const values: Record<string, unknown> = parseArgs({
      args: args.map((arg) => (arg === "--standalone" ? "--standalone=true" : arg)),
      options: { ...options, config: { type: "string" } },
    }).values;
    const flags = Object.entries(ALL_OPTIONS).map(([key, option]) => [key, values[option.flag]] as const);
    const file = values["config"];
    return {
      file: typeof file === "string" ? file : undefined,
      flags: Object.fromEntries(flags.filter(([, value]) => value !== undefined)),
    };
  } catch (error) {
    faults.push(describeParseFault(error, [...Object.keys(options), "config", "help"]));
    return { file: undefined, flags: {} };
  }
}

function readConfigFile(file: string | undefined, faults: string[]): object {
  if (file === undefined) return {};
  try {
    const content: unknown = parseYaml(readFileSync(file, "utf8")) ?? {};
    if (typeof content === "object" && !Array.isArray(content)) return content as object;
    faults.push(`config "${file}" must be a mapping of settings`);
  } catch (error) {
    faults.push(`config "${file}" cannot be read: ${(error as Error).message}`);
  }
  return {};
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  const key = issue.path?.map((item) => String(item.key)).join(".") ?? "configuration";
  if (issue.type === "strict_object" && issue.expected === "never") return `${key} is not a setting`;
  return `${key} ${JSON.stringify(issue.input)} ${issue.message}`;
}
