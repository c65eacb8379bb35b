import { outputPath } from "./launch.ts";
import { type Host, WORK_FOLDER, writeWork } from "./machine.ts";
import { createEnvironment, createPlugin, portsOf, type Program } from "./program.ts";

export interface ReferenceInput {
  readonly id: string;
  /** As the package calls it: 1.1.1. */
  readonly version: string;
  /** Folder of the unpacked plugins. */
  readonly folder: string;
  readonly ipMasq: boolean;
  readonly host: Host;
  readonly podCIDR: string;
}

/** The reference plugins bridge and host-local, as most tutorials configure them. */
export function createReference(input: ReferenceInput): Program {
  const { id, version, folder, ipMasq, host } = input;
  return createPlugin({
    id,
    name: `bridge ${version}, ${ipMasq ? "ipMasq" : "no ipMasq"}`,
    host,
    bridge: BRIDGE,
    plugin: `${folder}/bridge`,
    config: bridgeConfig(input),
  });
}

/** The same with ipMasq and portmap behind it, for two ports of the host. */
export function createReferenceWithPorts(input: Omit<ReferenceInput, "ipMasq">): Program {
  const { id, version, folder, host } = input;
  const name = `bridge ${version} + portmap, 2 host ports`;
  const environmentOf = createEnvironment(host, folder);
  const bridgeFile = writeWork(`${id}.conf`, JSON.stringify(bridgeConfig({ ...input, ipMasq: true })));
  const common = { cniVersion: "1.0.0", name: "bench", type: "portmap", backend: "iptables", snat: true };
  const portmapFiles = host.podNetns.map((_, pod) =>
    writeWork(`${id}-${pod}.conf`, JSON.stringify({ ...common, ...portsOf(pod) }).slice(0, -1)),
  );
  return {
    id,
    name: () => name,
    host,
    bridge: BRIDGE,
    run: (command, pod) => ({
      what: `${command} pod ${pod} with ${name}`,
      program: new URL("chain.sh", import.meta.url).pathname,
      environment: {
        ...environmentOf(command, pod),
        CHAIN_FOLDER: folder,
        CHAIN_BRIDGE: bridgeFile,
        CHAIN_PORTMAP: portmapFiles[pod] ?? "",
        CHAIN_RESULT: `${WORK_FOLDER}/${id}-${pod}.result`,
      },
      stdin: bridgeFile,
      stdout: outputPath(id, command, pod),
    }),
    close: async () => undefined,
  };
}

const BRIDGE = "cni0";

function bridgeConfig({ id, ipMasq, podCIDR }: ReferenceInput): Readonly<Record<string, unknown>> {
  return {
    cniVersion: "1.0.0",
    name: "bench",
    type: "bridge",
    bridge: BRIDGE,
    isGateway: true,
    ipMasq,
    // The default of 1.9.1 on a machine that has both. Older ones know nothing else.
    ipMasqBackend: "iptables",
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: podCIDR }]],
      routes: [{ dst: "0.0.0.0/0" }],
      dataDir: `${WORK_FOLDER}/host-local-${id}`,
    },
  };
}
