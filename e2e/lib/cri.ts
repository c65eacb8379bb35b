import { credentials, loadPackageDefinition, Metadata, type ServiceError } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

/** Where the API of CRI v1 lies in Debian's golang-k8s-cri-api-dev. */
const API_PROTO = "usr/share/gocode/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto";

export interface PodInput {
  readonly name: string;
  readonly cgroupParent: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly portMappings?: readonly PortMapping[];
  /** No network namespace of its own, and no CNI. */
  readonly hostNetwork?: true;
  /** Its containers may be privileged. */
  readonly privileged?: boolean;
}

/** As CRI has it. */
export interface PortMapping {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly container_port: number;
  readonly host_port: number;
  readonly host_ip?: string;
}

export interface PodStatus {
  readonly state: "SANDBOX_READY" | "SANDBOX_NOTREADY";
  /** As the kubelet puts them into podIPs: `ip`, then `additional_ips`. */
  readonly ips: readonly string[];
  /** Of the sandbox's first process, in the PID namespace of the runtime. */
  readonly pid: number;
  /** Path of the network namespace in the runtime's mount namespace. */
  readonly netnsPath: string;
}

export interface Sandbox {
  readonly id: string;
  readonly podName: string;
  readonly isReady: boolean;
}

export interface ContainerStatus {
  readonly state: "CONTAINER_CREATED" | "CONTAINER_RUNNING" | "CONTAINER_EXITED" | "CONTAINER_UNKNOWN";
  readonly exitCode: number;
  /** Of its first process, in the PID namespace of the runtime; 0 when it has ended. */
  readonly pid: number;
}

/** The part of CRI v1 that a kubelet uses for sandboxes; errors are gRPC's, with the runtime's text. */
export interface CriClient {
  version(): Promise<string>;
  networkReady(): Promise<{ readonly ready: boolean; readonly message: string }>;
  runPod(pod: PodInput, timeoutMs?: number): Promise<string>;
  podStatus(id: string): Promise<PodStatus>;
  listPods(): Promise<readonly string[]>;
  listSandboxes(): Promise<readonly Sandbox[]>;
  stopPod(id: string): Promise<void>;
  removePod(id: string): Promise<void>;
  /** Creates and starts a container of the image in the pod. `more`: other keys of CRI's ContainerConfig. */
  runContainer(id: string, pod: PodInput, image: string, more?: object): Promise<string>;
  containerStatus(id: string): Promise<ContainerStatus>;
  /** SIGTERM, and SIGKILL when it still runs after the time. */
  stopContainer(id: string, timeoutSeconds: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  execute(
    containerId: string,
    command: readonly string[],
  ): Promise<{ readonly code: number; readonly output: string }>;
  close(): void;
}

type Call = (method: string, request?: object, timeoutMs?: number) => Promise<Reply>;
/** Messages as proto-loader decodes them. */
// oxlint-disable-next-line typescript/no-explicit-any -- the shape is that of api.proto
type Reply = any;

/** Connects lazily: the socket need not exist yet. `apiFolder` holds the unpacked package of the API. */
export function connectCri(socket: string, apiFolder: string): CriClient {
  const { call, close } = openClient(socket, `${apiFolder}/${API_PROTO}`);
  return {
    version: async () => (await call("Version")).runtime_version,
    async networkReady() {
      const { status } = await call("Status");
      const condition = status.conditions.find(({ type }: { type: string }) => type === "NetworkReady");
      return { ready: condition.status === true, message: condition.message ?? "" };
    },
    async runPod(pod, timeoutMs) {
      return (await call("RunPodSandbox", { config: podConfig(pod) }, timeoutMs)).pod_sandbox_id;
    },
    async podStatus(id) {
      return podStatus(await call("PodSandboxStatus", { pod_sandbox_id: id, verbose: true }));
    },
    async listPods() {
      const { items = [] } = await call("ListPodSandbox");
      return items.map((item: { id: string }) => item.id);
    },
    async listSandboxes() {
      const { items = [] } = await call("ListPodSandbox");
      return items.map(({ id, metadata, state = "SANDBOX_READY" }: Reply) => {
        return { id, podName: metadata.name, isReady: state === "SANDBOX_READY" };
      });
    },
    async stopPod(id) {
      await call("StopPodSandbox", { pod_sandbox_id: id });
    },
    async removePod(id) {
      await call("RemovePodSandbox", { pod_sandbox_id: id });
    },
    async runContainer(id, pod, image, more = {}) {
      const config = { metadata: { name: "main" }, image: { image }, linux: {}, ...more };
      const request = { pod_sandbox_id: id, config, sandbox_config: podConfig(pod) };
      const { container_id } = await call("CreateContainer", request);
      await call("StartContainer", { container_id });
      return container_id;
    },
    async containerStatus(id) {
      const { status, info } = await call("ContainerStatus", { container_id: id, verbose: true });
      const { pid } = JSON.parse(info.info);
      return { state: status.state ?? "CONTAINER_CREATED", exitCode: status.exit_code ?? 0, pid };
    },
    async stopContainer(id, timeoutSeconds) {
      await call("StopContainer", { container_id: id, timeout: timeoutSeconds });
    },
    async removeContainer(id) {
      await call("RemoveContainer", { container_id: id });
    },
    async execute(containerId, command) {
      const reply = await call("ExecSync", { container_id: containerId, cmd: command, timeout: 10 });
      const output = `${String(reply.stdout ?? "")}${String(reply.stderr ?? "")}`;
      return { code: reply.exit_code ?? 0, output };
    },
    close,
  };
}

function openClient(socket: string, apiProto: string): { call: Call; close: () => void } {
  const definition = loadSync(apiProto, { keepCase: true, longs: Number, enums: String });
  const { RuntimeService } = (loadPackageDefinition(definition) as Reply).runtime.v1;
  const client = new RuntimeService(`unix://${socket}`, credentials.createInsecure());
  const call: Call = (method, request = {}, timeoutMs = 30_000) =>
    new Promise((resolve, reject) => {
      client[method](
        request,
        new Metadata(),
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, reply: Reply) => {
          if (error === null) resolve(reply);
          else reject(error);
        },
      );
    });
  return { call, close: () => client.close() };
}

/** Fixed servers: without them the runtime would copy the resolv.conf of the machine. */
function podConfig(pod: PodInput): object {
  const {
    name,
    cgroupParent,
    annotations = {},
    portMappings = [],
    hostNetwork = false,
    privileged = false,
  } = pod;
  return {
    metadata: { name, uid: `uid-${name}`, namespace: "default", attempt: 0 },
    // runc refuses a hostname where the pod has no UTS namespace of its own.
    hostname: hostNetwork ? "" : name,
    annotations,
    port_mappings: portMappings,
    dns_config: { servers: ["192.0.2.53"] },
    linux: {
      cgroup_parent: cgroupParent,
      security_context: { privileged, namespace_options: hostNetwork ? { network: "NODE" } : {} },
    },
  };
}

function podStatus({ status, info }: Reply): PodStatus {
  const { pid, runtimeSpec } = JSON.parse(info.info);
  const { ip, additional_ips: more = [] } = status.network ?? {};
  const netns = runtimeSpec.linux.namespaces.find(({ type }: { type: string }) => type === "network");
  return {
    // proto3 leaves out a field with its first value.
    state: status.state ?? "SANDBOX_READY",
    ips: [ip, ...more.map((entry: { ip: string }) => entry.ip)].filter(
      (address) => address !== undefined && address !== "",
    ),
    pid,
    netnsPath: netns.path,
  };
}
