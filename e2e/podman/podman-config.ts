export interface PodmanConfigInput {
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  /** Folder for everything that podman keeps. */
  readonly folder: string;
}

/** containers.conf(5). Strings of JSON are strings of TOML. */
export function planContainersConf({ cniBinDir, cniConfDir, folder }: PodmanConfigInput): string {
  const text = JSON.stringify;
  return `[containers]
# A container asks for more than this machine may give it where CAP_SYS_RESOURCE is missing.
default_ulimits = ["nofile=1024:1024", "nproc=8192:8192"]
cgroupns = "host"
log_driver = "k8s-file"

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = ${text(`${folder}/tmp`)}

[network]
network_backend = "cni"
cni_plugin_dirs = [${text(cniBinDir)}]
network_config_dir = ${text(cniConfDir)}
`;
}

/**
 * containers-storage.conf(5). Containers of a plain folder need no layers. Podman refuses a runroot of more
 * than 50 characters, and conmon, which calls it when a container has ended, tells nobody: it is the usual
 * path, in the /run that podman has to itself.
 */
export function planStorageConf({ folder }: Pick<PodmanConfigInput, "folder">): string {
  const text = JSON.stringify;
  return `[storage]
driver = "vfs"
graphroot = ${text(`${folder}/storage`)}
runroot = "/run/containers/storage"
`;
}
