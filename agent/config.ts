import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { parse as parseYaml } from "yaml";
import { type Cidr, parseCidr } from "./net/cidr.ts";
import { MIN_MTU } from "./plan/node-network.ts";

/** Faults of the configuration, all together, each with key and value. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`Cannot use the configuration: ${faults.join("; ")}`);
    this.name = "ConfigError";
    this.faults = faults;
  }
}

/** DNS label rules of node names (RFC 1123 subdomain). */
const NODE_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Longest path of a unix socket: sun_path of linux/un.h less the final NUL. */
const MAX_SOCKET_PATH = 107;

const text = v.pipe(v.string("must be text"), v.nonEmpty("must not be empty"));
const path = v.pipe(text, v.startsWith("/", "must be an absolute path"));
const flag = v.pipe(
  v.union([v.boolean(), v.picklist(["true", "false"])], "must be true or false"),
  v.transform((value) => value === true || value === "true"),
);
const cidr = v.pipe(
  text,
  v.rawTransform<string, Cidr>(({ dataset, addIssue, NEVER }) => {
    const parsed = parseCidr(dataset.value);
    if (parsed !== undefined) return parsed;
    addIssue({ message: "must be a prefix such as 10.0.0.0/8, without host bits" });
    return NEVER;
  }),
);
const listenAddress = v.pipe(
  text,
  v.rawTransform<string, ListenAddress>(({ dataset, addIssue, NEVER }) => {
    const parsed = parseListenAddress(dataset.value);
    if (parsed !== undefined) return parsed;
    addIssue({ message: "must be ADDRESS:PORT, an IPv6 address in brackets" });
    return NEVER;
  }),
);
const mtu = v.pipe(
  v.union([v.number(), v.pipe(v.string(), v.digits(), v.transform(Number))], "must be a number"),
  v.integer("must be a whole number"),
  v.check(
    (value) => value === 0 || (value >= MIN_MTU && value <= 65_535),
    `must be 0 or ${MIN_MTU} to 65535`,
  ),
);

/** An address and port to listen on. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

interface Option {
  readonly flag: string;
  readonly schema: v.GenericSchema;
  readonly value: string;
  readonly help: string;
  readonly multiple?: true;
}

/** Every setting: key of the YAML file, flag of the command line, what it takes and what it does. */
export const OPTIONS = {
  standalone: {
    flag: "standalone",
    schema: v.optional(flag, false),
    value: "true|false",
    help: "work without Kubernetes; this node and its peers come from --nodes-file",
  },
  nodesFile: {
    flag: "nodes-file",
    schema: v.optional(path),
    value: "PATH",
    help: "YAML list of {name, addresses, podCIDRs}, watched for changes",
  },
  nodeName: {
    flag: "node-name",
    schema: v.optional(v.pipe(text, v.regex(NODE_NAME, "must be a node name as Kubernetes allows it"))),
    value: "NAME",
    help: "name of this node; default: NODE_NAME of the environment, else the host name",
  },
  kubeconfig: {
    flag: "kubeconfig",
    schema: v.optional(path),
    value: "PATH",
    help: "credentials for the Kubernetes API; default: the pod's service account",
  },
  apiServer: {
    flag: "api-server",
    schema: v.optional(v.pipe(text, v.url("must be a URL such as https://192.0.2.1:6443"))),
    value: "URL",
    help: "address of the Kubernetes API instead of the one of the credentials, for nodes without kube-proxy",
  },
  socket: {
    flag: "socket",
    schema: v.optional(
      v.pipe(path, v.maxBytes(MAX_SOCKET_PATH, `must have at most ${MAX_SOCKET_PATH} bytes`)),
      "/run/causeway/agent.sock",
    ),
    value: "PATH",
    help: "unix socket on which the shim finds the agent",
  },
  cniBinDir: {
    flag: "cni-bin-dir",
    schema: v.optional(path, "/opt/cni/bin"),
    value: "PATH",
    help: "folder where the runtime looks for CNI plugins",
  },
  cniConfDir: {
    flag: "cni-conf-dir",
    schema: v.optional(path, "/etc/cni/net.d"),
    value: "PATH",
    help: "folder where the runtime looks for CNI configurations",
  },
  http: {
    flag: "http",
    schema: v.optional(listenAddress, "127.0.0.1:9655"),
    value: "ADDRESS:PORT",
    help: "where /metrics, /healthz and /readyz are served",
  },
  bridge: {
    flag: "bridge",
    schema: v.optional(
      v.pipe(text, v.regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/, "must be a link name")),
      "cw0",
    ),
    value: "NAME",
    help: "name of the bridge that holds the gateway addresses",
  },
  mtu: {
    flag: "mtu",
    schema: v.optional(mtu, 0),
    value: "BYTES",
    help: "MTU of pods; 0 takes the uplink's",
  },
  masquerade: {
    flag: "masquerade",
    schema: v.optional(flag, true),
    value: "true|false",
    help: "let pods reach the world under the node's address",
  },
  nonMasqueradeCIDRs: {
    flag: "non-masquerade-cidr",
    schema: v.optional(v.array(cidr, "must be a list of prefixes"), []),
    value: "CIDR",
    help: "destinations that pods reach under their own address; may be repeated",
    multiple: true,
  },
  logLevel: {
    flag: "log-level",
    schema: v.optional(
      v.picklist(["trace", "debug", "info", "warn", "error"], "must be trace, debug, info, warn or error"),
      "info",
    ),
    value: "LEVEL",
    help: "least severe messages that are logged",
  },
  logFormat: {
    flag: "log-format",
    schema: v.optional(v.picklist(["json", "pretty"], "must be json or pretty"), "json"),
    value: "json|pretty",
    help: "one JSON object a line, or text for people",
  },
} as const satisfies Readonly<Record<string, Option>>;

const SCHEMA = v.strictObject(
  Object.fromEntries(Object.entries(OPTIONS).map(([key, option]) => [key, option.schema])) as {
    [Key in keyof typeof OPTIONS]: (typeof OPTIONS)[Key]["schema"];
  },
);

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
  const parsed = v.safeParse(SCHEMA, { ...readConfigFile(file, faults), ...flags });
  if (!parsed.success) faults.push(...parsed.issues.map(describeIssue));
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  const config = {
    ...parsed.output,
    nodeName: parsed.output.nodeName ?? environment["NODE_NAME"] ?? hostName,
  };
  if (!NODE_NAME.test(config.nodeName))
    faults.push(`nodeName "${config.nodeName}" must be a node name as Kubernetes allows it`);
  if (config.standalone && config.nodesFile === undefined)
    faults.push("nodesFile is missing: standalone needs it");
  if (!config.standalone && config.nodesFile !== undefined) {
    faults.push(`nodesFile "${config.nodesFile}" is of no use: standalone is false`);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/** The usage text of all flags. */
export function describeFlags(): string {
  const rows = Object.values<Option>(OPTIONS).map(
    ({ flag: name, value, help }) => [`  --${name} ${value}`, help] as const,
  );
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const config = "  --config PATH".padEnd(width);
  return [
    `${config}YAML file with the same settings, in camel case; flags win`,
    ...rows.map(([left, help]) => left.padEnd(width) + help),
  ].join("\n");
}

function readFlags(
  args: readonly string[],
  faults: string[],
): { file: string | undefined; flags: Record<string, unknown> } {
  const options = Object.fromEntries(
    Object.values<Option>(OPTIONS).map(({ flag: name, multiple }) => [
      name,
      { type: "string" as const, multiple: multiple === true },
    ]),
  );
  try {
    const values: Record<string, unknown> = parseArgs({
      args: args.map((arg) => (arg === "--standalone" ? "--standalone=true" : arg)),
      options: { ...options, config: { type: "string" } },
    }).values;
    const flags = Object.entries<Option>(OPTIONS).map(([key, option]) => [key, values[option.flag]] as const);
    const file = values["config"];
    return {
      file: typeof file === "string" ? file : undefined,
      flags: Object.fromEntries(flags.filter(([, value]) => value !== undefined)),
    };
  } catch (error) {
    faults.push((error as Error).message.replace(/\. To specify.*$/s, ""));
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
  if (issue.type === "strict_object") return `${key} is no setting`;
  return `${key} ${JSON.stringify(issue.input)} ${issue.message}`;
}

function parseListenAddress(value: string): ListenAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value);
  const address = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (address === undefined || port > 65_535) return undefined;
  return isIP(address) === (match?.[1] === undefined ? 4 : 6) ? { address, port } : undefined;
}
