export interface ContainerdConfigInput {
  /** Of containerd; decides the form of the configuration. */
  readonly majorVersion: number;
  /** Keeps images and containers. */
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  /** Where Prometheus's metrics are served; nowhere when undefined. */
  readonly metricsAddress?: string;
  readonly runc: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  readonly sandboxImage: string;
}

/** Plugins that look at folders of the machine or need what no sandbox needs. */
const DISABLED_PLUGINS = [
  "io.containerd.internal.v1.opt",
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
];

/**
 * config.toml of a containerd that touches nothing outside of the given folders (docs/cri/config.md of
 * containerd).
 */
export function planContainerdConfig(input: ContainerdConfigInput): string {
  const { majorVersion, root, state, socket, metricsAddress, runc, cniBinDir, cniConfDir, sandboxImage } =
    input;
  const isNew = majorVersion >= 2;
  const runtime = isNew ? "io.containerd.cri.v1.runtime" : "io.containerd.grpc.v1.cri";
  const section = (path: readonly string[], values: Readonly<Record<string, string | boolean | string[]>>) =>
    [
      `[${path.map((key) => JSON.stringify(key)).join(".")}]`,
      ...Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
    ].join("\n");
  return [
    `version = ${isNew ? 3 : 2}`,
    `root = ${JSON.stringify(root)}`,
    `state = ${JSON.stringify(state)}`,
    `disabled_plugins = ${JSON.stringify(DISABLED_PLUGINS)}`,
    section(["grpc"], { address: socket }),
    section(["ttrpc"], { address: `${socket}.ttrpc` }),
    metricsAddress === undefined ? "" : section(["metrics"], { address: metricsAddress }),
    section(["plugins", runtime], {
      // Lowering oom_score_adj needs CAP_SYS_RESOURCE, which build machines may lack.
      restrict_oom_score_adj: true,
      disable_apparmor: true,
      netns_mounts_under_state_dir: true,
      ...(isNew ? {} : { sandbox_image: sandboxImage }),
    }),
    isNew
      ? section(["plugins", "io.containerd.cri.v1.images", "pinned_images"], { sandbox: sandboxImage })
      : "",
    section(["plugins", runtime, "cni"], {
      conf_dir: cniConfDir,
      ...(isNew ? { bin_dirs: [cniBinDir] } : { bin_dir: cniBinDir }),
    }),
    section(["plugins", runtime, "containerd", "runtimes", "runc"], {
      runtime_type: "io.containerd.runc.v2",
    }),
    section(["plugins", runtime, "containerd", "runtimes", "runc", "options"], { BinaryName: runc }),
    "",
  ].join("\n");
}
