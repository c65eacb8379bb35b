import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { outputPath, type Run } from "./launch.ts";
import { type Host, netnsPath, writeWork } from "./machine.ts";

export type Command = "ADD" | "DEL" | "CHECK" | "STATUS" | "VERSION";

/** Something that gives pods their network and is measured doing it. */
export interface Program {
  readonly id: string;
  /** Name in the table; of what runs for this command. */
  readonly name: (command: Command) => string;
  readonly host: Host;
  /** What it can be asked besides ADD, DEL and VERSION. */
  readonly answers: readonly ("CHECK" | "STATUS")[];
  /** Whether its pods have addresses of both families. */
  readonly isDualStack: boolean;
  /**
   * Which part of the pods and of the bursts it is measured with: some take two hundred times as long as
   * others.
   */
  readonly share: number;
  /** How the command is run for a pod. CHECK and DEL are asked for after the pod's ADD has run. */
  readonly run: (command: Command, pod: number) => Run;
  /** Ends what runs in the background. */
  readonly close: () => Promise<void>;
}

export interface PluginInput {
  readonly id: string;
  readonly name: string;
  readonly host: Host;
  readonly answers: readonly ("CHECK" | "STATUS")[];
  readonly isDualStack: boolean;
  readonly share: number;
  /** Path of the plugin; its folder is CNI_PATH. */
  readonly plugin: string;
  /** Network configuration. */
  readonly config: Readonly<Record<string, unknown>>;
  /** How many ports of the host every pod asks for, half of them TCP. */
  readonly ports?: number;
  /** Where the plugin finds programs. */
  readonly path?: string;
  readonly close?: () => Promise<void>;
}

/**
 * A CNI plugin, called as libcni calls it for containerd: configuration on stdin, with the result of ADD for
 * CHECK and DEL.
 */
export function createPlugin(input: PluginInput): Program {
  const { id, name, host, answers, isDualStack, share, plugin, config, ports = 0, path, close } = input;
  const environmentOf = createEnvironment(host, plugin.slice(0, plugin.lastIndexOf("/")), path);
  const configOf = (pod: number): object => (ports > 0 ? { ...config, ...portsOf(pod, ports) } : config);
  const configPaths = host.podNetns.map((_, pod) =>
    writeWork(`${id}-${pod}.add.conf`, JSON.stringify(configOf(pod))),
  );
  // The first version of the specification that has STATUS.
  const statusPath = writeWork(`${id}.status.conf`, JSON.stringify({ ...config, cniVersion: "1.1.0" }));

  /** As libcni does since 0.4.0 of the specification. */
  function configWithResult(pod: number): string {
    const prevResult = JSON.parse(readFileSync(outputPath(id, "ADD", pod), "utf8")) as unknown;
    return writeWork(`${id}-${pod}.conf`, JSON.stringify({ ...configOf(pod), prevResult }));
  }

  function stdinOf(command: Command, pod: number): string {
    if (command === "STATUS") return statusPath;
    return command === "DEL" || command === "CHECK" ? configWithResult(pod) : (configPaths[pod] ?? "");
  }

  return {
    id,
    name: () => name,
    host,
    answers,
    isDualStack,
    share,
    run: (command, pod) => ({
      what: `${command} pod ${pod} with ${name}`,
      program: plugin,
      environment: environmentOf(command, pod),
      stdin: stdinOf(command, pod),
      stdout: outputPath(id, command, pod),
    }),
    close: close ?? (async () => undefined),
  };
}

/** Ports of the host for a pod, as a runtime passes them: numbers of its own, each for TCP and UDP. */
export function portsOf(pod: number, ports: number): object {
  const portMappings = Array.from({ length: ports }, (_, index) => {
    const number = Math.floor(index / 2);
    return {
      hostPort: 20_000 + (pod * ports) / 2 + number,
      containerPort: 80 + number,
      protocol: index % 2 === 0 ? "tcp" : "udp",
    };
  });
  return { runtimeConfig: { portMappings } };
}

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** UID of a pod of the bench: as long as Kubernetes' are. */
export function uidOf(pod: number): string {
  return `00000000-0000-4000-8000-${String(pod).padStart(12, "0")}`;
}

/** What a runtime tells a plugin about a pod; every pod has a container ID of its own. */
export function createEnvironment(host: Host, folder: string, path = PATH) {
  const containerIds = host.podNetns.map(() => randomBytes(32).toString("hex"));
  return (command: Command, pod: number): Record<string, string> => {
    return {
      PATH: path,
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerIds[pod] ?? "",
      CNI_NETNS: netnsPath(host.podNetns[pod] ?? ""),
      CNI_IFNAME: "eth0",
      CNI_PATH: folder,
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=pod-${pod};K8S_POD_UID=${uidOf(pod)};K8S_POD_INFRA_CONTAINER_ID=${containerIds[pod]}`,
    };
  };
}
