import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { outputPath, type Run } from "./launch.ts";
import { type Host, netnsPath, writeWork } from "./machine.ts";

export type Command = "ADD" | "DEL" | "VERSION";

/** Something that gives pods their network and is measured doing it. */
export interface Program {
  readonly id: string;
  /** Name in the table; of what runs for this command. */
  readonly name: (command: Command) => string;
  readonly host: Host;
  /** Bridge in the host's namespace of which every pod's link is a port. */
  readonly bridge: string;
  /** How the command is run for a pod. DEL is asked for after the pod's ADD has run. */
  readonly run: (command: Command, pod: number) => Run;
  /** Ends what runs in the background. */
  readonly close: () => Promise<void>;
}

export interface PluginInput {
  readonly id: string;
  readonly name: string;
  readonly host: Host;
  readonly bridge: string;
  /** Path of the plugin; its folder is CNI_PATH. */
  readonly plugin: string;
  /** Network configuration. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether every pod asks for two ports of the host. */
  readonly hasPorts?: boolean;
  readonly close?: () => Promise<void>;
}

/** A CNI plugin, called as libcni calls it for containerd: configuration on stdin, with the result of ADD for DEL. */
export function createPlugin(input: PluginInput): Program {
  const { id, name, host, bridge, plugin, config, hasPorts = false, close } = input;
  const environmentOf = createEnvironment(host, plugin.slice(0, plugin.lastIndexOf("/")));
  const configOf = (pod: number): object => (hasPorts ? { ...config, ...portsOf(pod) } : config);
  const configPaths = host.podNetns.map((_, pod) =>
    writeWork(`${id}-${pod}.add.conf`, JSON.stringify(configOf(pod))),
  );

  /** As libcni does since 0.4.0 of the specification. */
  function configWithResult(pod: number): string {
    const prevResult = JSON.parse(readFileSync(outputPath(id, "ADD", pod), "utf8")) as unknown;
    return writeWork(`${id}-${pod}.conf`, JSON.stringify({ ...configOf(pod), prevResult }));
  }

  return {
    id,
    name: () => name,
    host,
    bridge,
    run: (command, pod) => ({
      what: `${command} pod ${pod} with ${name}`,
      program: plugin,
      environment: environmentOf(command, pod),
      stdin: command === "DEL" ? configWithResult(pod) : (configPaths[pod] ?? ""),
      stdout: outputPath(id, command, pod),
    }),
    close: close ?? (async () => undefined),
  };
}

/** Two ports of the host for a pod, as a runtime passes them: one that has a number of its own, TCP and UDP. */
export function portsOf(pod: number): object {
  const port = { hostPort: 20_000 + pod, containerPort: 80 };
  const portMappings = [
    { ...port, protocol: "tcp" },
    { ...port, protocol: "udp" },
  ];
  return { runtimeConfig: { portMappings } };
}

/** What a runtime tells a plugin about a pod; every pod has a container ID of its own. */
export function createEnvironment(host: Host, folder: string) {
  const containerIds = host.podNetns.map(() => randomBytes(32).toString("hex"));
  return (command: Command, pod: number): Record<string, string> => {
    return {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerIds[pod] ?? "",
      CNI_NETNS: netnsPath(host.podNetns[pod] ?? ""),
      CNI_IFNAME: "eth0",
      CNI_PATH: folder,
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=pod-${pod};K8S_POD_INFRA_CONTAINER_ID=${containerIds[pod]}`,
    };
  };
}
