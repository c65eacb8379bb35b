import type { Host } from "./machine.ts";
import { createPlugin, type Program } from "./program.ts";
import { WORK_FOLDER } from "./machine.ts";

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
export function createReference({ id, version, folder, ipMasq, host, podCIDR }: ReferenceInput): Program {
  return createPlugin({
    id,
    name: `bridge ${version}, ${ipMasq ? "ipMasq" : "no ipMasq"}`,
    host,
    bridge: "cni0",
    plugin: `${folder}/bridge`,
    config: {
      cniVersion: "1.0.0",
      name: "bench",
      type: "bridge",
      bridge: "cni0",
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
    },
  });
}
