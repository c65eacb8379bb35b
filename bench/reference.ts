import { outputPath } from "./launch.ts";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { type Host, WORK_FOLDER, writeWork } from "./machine.ts";
import { createEnvironment, createPlugin, portsOf, type Program } from "./program.ts";

/** How a reference plugin writes its rules; those before 1.8 know iptables only. */
export type Backend = "iptables" | "nftables";

/** A release of the reference plugins. */
export interface Release {
  /** As the package calls it: 1.1.1. */
  readonly version: string;
  /** Folder of the unpacked plugins. */
  readonly folder: string;
  readonly answers: readonly ("CHECK" | "STATUS")[];
}

/** By name; `plugins` is what plugins.sh prints: NAME=VERSION=FOLDER, separated by commas. */
export function parseReleases(plugins: string): ReadonlyMap<string, Release> {
  return new Map(
    plugins.split(",").map((text) => {
      const [name = "", version = "", folder = ""] = text.split("=");
      const [major = 0, minor = 0] = version.split(".").map(Number);
      // The first release of version 1.1.0 of the specification, which has STATUS; the nftables backends are
      // as old.
      const hasStatus = major > 1 || minor >= 6;
      return [name, { version, folder, answers: hasStatus ? ["CHECK", "STATUS"] : ["CHECK"] }];
    }),
  );
}

export function newestOf(releases: ReadonlyMap<string, Release>): Release {
  const newest = releases.get("newest");
  if (newest === undefined) throw new RangeError('Cannot compare: no plugins "newest" were given');
  return newest;
}

export interface ReferenceInput {
  readonly id: string;
  readonly release: Release;
  readonly plugin: "bridge" | "ptp";
  /** Undefined: no masquerade. */
  readonly ipMasq: Backend | undefined;
  readonly host: Host;
  /** One, or one of each family. */
  readonly podCIDRs: readonly string[];
  /** See {@link Program}. */
  readonly share: number;
  /** The kernel's own choice if undefined. */
  readonly mtu?: number;
  /** What is told of it in the table, after its name. */
  readonly remark?: string;
}

/** A reference plugin with host-local, as most tutorials configure them. */
export function createReference(input: ReferenceInput): Program {
  const { id, release, plugin, ipMasq, host, podCIDRs, share, remark = "" } = input;
  const isDualStack = podCIDRs.length > 1;
  return createPlugin({
    id,
    name: `${plugin} ${release.version}, ${describeMasquerade(ipMasq)}${isDualStack ? ", dual stack" : ""}${remark}`,
    host,
    answers: release.answers,
    isDualStack,
    share,
    plugin: `${release.folder}/${plugin}`,
    config: referenceConfig(input),
    ...(ipMasq === "nftables" ? { path: nftablesOnly() } : {}),
  });
}

export interface ReferenceWithPortsInput extends Omit<ReferenceInput, "plugin"> {
  readonly ipMasq: Backend;
  /** How many host ports each pod has. */
  readonly ports: number;
}

/** Bridge with ipMasq and portmap behind it. */
export function createReferenceWithPorts(input: ReferenceWithPortsInput): Program {
  const { id, release, ipMasq: backend, host, share, ports } = input;
  return createChain({
    id,
    release,
    host,
    share,
    name: `bridge ${release.version} + portmap, ${ports} host ports (${backend})`,
    plugin: "bridge",
    config: referenceConfig({ ...input, plugin: "bridge" }),
    portmap: { cniVersion: "1.0.0", name: "bench", type: "portmap", backend, snat: true },
    ports,
    path: backend === "nftables" ? nftablesOnly() : undefined,
  });
}

/** All nodes' pods: flannel gives its pods a route there, and bridge a default route. */
const CLUSTER_CIDR = "10.244.0.0/16";

type ConflistInput = Pick<ReferenceInput, "id" | "release" | "host" | "share"> & { readonly podCIDR: string };

/**
 * What flannel's conflist comes to: its plugin has bridge make the pod's network, with these keys, and
 * portmap runs behind it. Its daemon masquerades. The process of its own plugin is missing, since no registry
 * has it: so this is faster than flannel.
 */
export function createFlannel({ podCIDR, ...input }: ConflistInput): Program {
  const { release } = input;
  return createChain({
    ...input,
    name: `flannel's conflist (bridge ${release.version} + portmap)`,
    plugin: "bridge",
    config: {
      ...conflistOf({ type: "bridge", id: input.id, podCIDR, route: CLUSTER_CIDR }),
      hairpinMode: true,
      isDefaultGateway: true,
      isGateway: true,
      mtu: 1450,
    },
    portmap: { cniVersion: "0.3.1", name: "bench", type: "portmap" },
  });
}

/** What the conflist of kindnet's daemon comes to: ptp, and portmap behind it. The daemon masquerades. */
export function createKindnet({ podCIDR, ...input }: ConflistInput): Program {
  const { release } = input;
  return createChain({
    ...input,
    name: `kindnet's conflist (ptp ${release.version} + portmap)`,
    plugin: "ptp",
    config: { ...conflistOf({ type: "ptp", id: input.id, podCIDR, route: "0.0.0.0/0" }), mtu: 1500 },
    portmap: { cniVersion: "0.3.1", name: "bench", type: "portmap" },
  });
}

interface PluginConfigInput {
  readonly type: "bridge" | "ptp";
  readonly id: string;
  readonly podCIDR: string;
  /** Destination of the route that host-local gives. */
  readonly route: string;
}

/** What both have in common. */
function conflistOf({ type, id, podCIDR, route }: PluginConfigInput): Readonly<Record<string, unknown>> {
  return {
    cniVersion: "0.3.1",
    name: "bench",
    type,
    ipMasq: false,
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: podCIDR }]],
      routes: [{ dst: route }],
      dataDir: `${WORK_FOLDER}/host-local-${id}`,
    },
  };
}

interface ChainInput extends Pick<ReferenceInput, "id" | "release" | "host" | "share"> {
  readonly name: string;
  readonly plugin: "bridge" | "ptp";
  readonly config: Readonly<Record<string, unknown>>;
  readonly portmap: Readonly<Record<string, unknown>>;
  /** How many host ports each pod has; portmap runs without, too. */
  readonly ports?: number;
  readonly path?: string | undefined;
}

/** A plugin, and portmap with its result. */
function createChain(input: ChainInput): Program {
  const { id, release, host, share, name, plugin, config, portmap, ports = 0, path } = input;
  const environmentOf = createEnvironment(host, release.folder, path);
  const file = writeWork(`${id}.conf`, JSON.stringify(config));
  const portmapFiles = host.podNetns.map((_, pod) =>
    writeWork(
      `${id}-${pod}.conf`,
      JSON.stringify({ ...portmap, ...(ports > 0 ? portsOf(pod, ports) : {}) }).slice(0, -1),
    ),
  );
  return {
    id,
    name: () => name,
    host,
    answers: [],
    isDualStack: false,
    share,
    run: (command, pod) => ({
      what: `${command} pod ${pod} with ${name}`,
      program: new URL("chain.sh", import.meta.url).pathname,
      environment: {
        ...environmentOf(command, pod),
        CHAIN_FOLDER: release.folder,
        CHAIN_PLUGIN: plugin,
        CHAIN_CONFIG: file,
        CHAIN_PORTMAP: portmapFiles[pod] ?? "",
        CHAIN_RESULT: `${WORK_FOLDER}/${id}-${pod}.result`,
      },
      stdin: file,
      stdout: outputPath(id, command, pod),
    }),
    close: async () => undefined,
  };
}

const NFTABLES_ONLY = `${WORK_FOLDER}/nftables-only`;

/**
 * Programs of a node without iptables. Where there is one, DEL of 1.9.1 removes the rules of both backends,
 * and fails: iptables 1.8.9 does not say that a chain is missing in the words that the plugin knows. The
 * chain of plugins is a shell script, and calls cat.
 */
function nftablesOnly(): string {
  if (existsSync(NFTABLES_ONLY)) return NFTABLES_ONLY;
  mkdirSync(NFTABLES_ONLY);
  for (const program of ["/usr/sbin/nft", "/bin/cat"])
    symlinkSync(program, `${NFTABLES_ONLY}/${program.split("/").at(-1)}`);
  return NFTABLES_ONLY;
}

function describeMasquerade(ipMasq: Backend | undefined): string {
  return ipMasq === undefined ? "no ipMasq" : `ipMasq (${ipMasq})`;
}

function referenceConfig(input: ReferenceInput): Readonly<Record<string, unknown>> {
  const { id, plugin, ipMasq, podCIDRs, mtu } = input;
  return {
    cniVersion: "1.0.0",
    name: "bench",
    type: plugin,
    ...(plugin === "bridge" ? { bridge: "cni0", isGateway: true } : {}),
    ...(mtu === undefined ? {} : { mtu }),
    ipMasq: ipMasq !== undefined,
    ipMasqBackend: ipMasq ?? "iptables",
    ipam: {
      type: "host-local",
      ranges: podCIDRs.map((subnet) => [{ subnet }]),
      routes: podCIDRs.map((cidr) => ({ dst: cidr.includes(":") ? "::/0" : "0.0.0.0/0" })),
      dataDir: `${WORK_FOLDER}/host-local-${id}`,
    },
  };
}
