/** The part of a pod template that the chart uses. */
export interface PodTemplate {
  readonly spec: {
    readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
    readonly initContainers?: readonly Container[];
    readonly containers: readonly Container[];
    readonly volumes: readonly Volume[];
  };
}

export interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvironmentVariable[];
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
  readonly resources?: { readonly limits?: { readonly memory?: string } };
  readonly securityContext: {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  };
}

interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

interface Volume {
  readonly name: string;
  readonly hostPath?: { readonly path: string };
  readonly configMap?: { readonly name: string };
}

/** What a kubelet knows of the node and the pod. */
export interface KubeletView {
  /** By the path of fieldRef, such as spec.nodeName. */
  readonly fields: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  /** Folders of the machine in place of the node's, by the path of hostPath. */
  readonly hostFolders: Readonly<Record<string, string>>;
  /** Folders with the files of ConfigMaps, by name. */
  readonly configMaps: Readonly<Record<string, string>>;
  /** Folder with the files of the service account. */
  readonly serviceAccount: string;
}

/**
 * What containers that are not privileged see read-only or not at all (kubernetes
 * pkg/securitycontext/util.go).
 */
const READ_ONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
];

/** Turns a container of a pod template into CRI's ContainerConfig, less name and image, as a kubelet does. */
export function planCriContainer(template: PodTemplate, container: Container, view: KubeletView): object {
  const environment = { ...view.environment, ...fieldValues(container.env ?? [], view) };
  const mounts = (container.volumeMounts ?? []).map(({ name, mountPath, readOnly = false }) => ({
    container_path: mountPath,
    host_path: volumeFolder(template, name, view),
    readonly: readOnly,
  }));
  const account = "/var/run/secrets/kubernetes.io/serviceaccount";
  return {
    command: container.command ?? [],
    args: (container.args ?? []).map((arg) => expand(arg, environment)),
    // Bytes in the API.
    envs: Object.entries(environment).map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: [...mounts, { container_path: account, host_path: view.serviceAccount, readonly: true }],
    linux: {
      resources: { memory_limit_in_bytes: parseMebibytes(container.resources?.limits?.memory) },
      security_context: securityContext(template, container),
    },
  };
}

function securityContext({ spec }: PodTemplate, { securityContext: wanted }: Container): object {
  const privileged = wanted.privileged ?? false;
  return {
    privileged,
    namespace_options: { network: "NODE" },
    run_as_user: { value: spec.securityContext.runAsUser },
    run_as_group: { value: spec.securityContext.runAsGroup },
    readonly_rootfs: wanted.readOnlyRootFilesystem ?? false,
    no_new_privs: wanted.allowPrivilegeEscalation === false,
    capabilities: {
      add_capabilities: wanted.capabilities?.add ?? [],
      drop_capabilities: wanted.capabilities?.drop ?? [],
    },
    seccomp: { profile_type: privileged ? "Unconfined" : "RuntimeDefault" },
    readonly_paths: privileged ? [] : READ_ONLY_PATHS,
    masked_paths: privileged ? [] : MASKED_PATHS,
  };
}

function fieldValues(
  variables: readonly EnvironmentVariable[],
  { fields }: KubeletView,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    variables.map(({ name, value, valueFrom }) => {
      const found = value ?? fields[valueFrom?.fieldRef.fieldPath ?? ""];
      if (found === undefined) throw new Error(`Cannot tell the value of ${name}`);
      return [name, found];
    }),
  );
}

/** $(NAME) in arguments (Kubernetes documentation, "Define dependent environment variables"). */
function expand(text: string, environment: Readonly<Record<string, string>>): string {
  return text.replace(/\$\(([A-Z_]+)\)/g, (reference, name: string) => environment[name] ?? reference);
}

function volumeFolder({ spec }: PodTemplate, name: string, view: KubeletView): string {
  const volume = spec.volumes.find((candidate) => candidate.name === name);
  const folder =
    view.hostFolders[volume?.hostPath?.path ?? ""] ?? view.configMaps[volume?.configMap?.name ?? ""];
  if (folder === undefined) throw new Error(`Cannot mount volume "${name}"`);
  return folder;
}

function parseMebibytes(quantity: string | undefined): number {
  if (quantity === undefined) return 0;
  const [, count] = /^(\d+)Mi$/.exec(quantity) ?? [];
  if (count === undefined) throw new Error(`Cannot read the quantity "${quantity}"`);
  return Number(count) * 1024 * 1024;
}
