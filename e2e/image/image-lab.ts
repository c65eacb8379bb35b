import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { openHelm } from "../chart/helm.ts";
import { type KubernetesObject, parseObjects } from "../chart/kubernetes-schema.ts";
import { createPods, type Pods } from "../containerd/pods.ts";
import { newErrorsThrough, unreadinessThrough, verifyThrough } from "../lib/ask-agent.ts";
import { runCommand } from "../lib/command.ts";
import { type Containerd, PAUSE_IMAGE, startContainerd } from "../lib/containerd.ts";
import { watchAgent } from "../lib/end-of-test.ts";
import { buildPauseImage } from "../lib/image.ts";
import { createLabNetwork, type LabNetwork, NODE_NAME } from "../lib/netns.ts";
import { startProcess } from "../lib/process.ts";
import { type Tools } from "../lib/tools.ts";
import { waitFor } from "../lib/wait-for.ts";
import { type Container, type KubeletView, planCriContainer, type PodTemplate } from "./cri-container.ts";

export const IMAGE = `localhost/causeway:${packageJson.version}`;
export const POD_CIDRS = ["10.244.7.0/24", "fd00:10:244:7::/64"] as const;

const API_PORT = 6443;
const AGENT_PORT = 9655;
const AGENT_SOCKET = "/run/causeway/agent.sock";

/** A node whose containerd has the image, an API server that knows the node, and the chart's pods. */
export interface ImageLab {
  readonly folder: string;
  readonly network: LabNetwork;
  readonly containerd: Containerd;
  readonly pods: Pods;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  readonly busybox: string;
  /** Starts the DaemonSet's container as rendered with these values (`--set-json`), in a pod of its own. */
  startAgent(...set: readonly string[]): Promise<AgentContainer>;
  /** Runs the init containers to their end, and gives the exit code of each. */
  runInitContainers(...set: readonly string[]): Promise<readonly number[]>;
  close(): Promise<void>;
}

export interface AgentContainer {
  readonly id: string;
  /** Below /proc, of its first process. */
  readonly processFolder: string;
  /** What /readyz says: its status and its text. */
  readyz(): Promise<{ readonly status: number; readonly text: string }>;
  waitUntilReady(): Promise<void>;
  /** What a verification finds. */
  verify(): Promise<readonly string[]>;
  /** Ends it as a kubelet does, and gives its exit code. */
  stop(): Promise<number>;
}

interface Rendered {
  readonly template: PodTemplate;
  readonly config: string;
}

export async function createImageLab(tools: Tools, archive: string): Promise<ImageLab> {
  const { CAUSEWAY_E2E_FOLDER: runFolder = "", CAUSEWAY_E2E_TAG: tag = "" } = process.env;
  if (runFolder === "") throw new Error("Cannot run the e2e tests: start them with e2e/image/run.sh");
  await using cleanUps = new AsyncDisposableStack();
  const folder = mkdtempSync(join(runFolder, "lab-"));
  cleanUps.defer(() => rmSync(folder, { recursive: true }));
  const [cniBinDir, cniConfDir, account, config] = ["cni-bin", "cni-conf", "account", "config"].map(
    (name) => {
      mkdirSync(join(folder, name));
      return join(folder, name);
    },
  ) as [string, string, string, string];
  writeFileSync(join(account, "token"), "secret");
  writeFileSync(join(account, "namespace"), "kube-system");

  const network = await createLabNetwork(tag);
  cleanUps.defer(network.remove);
  const cgroup = `/${tag}`;
  const containerd = await startContainerd({
    tools,
    containerd: tools.containerdNew,
    folder,
    netns: network.node,
    cniBinDir,
    cniConfDir,
    cgroup,
  });
  cleanUps.defer(containerd.stop);
  await containerd.importImage(await buildPauseImage(PAUSE_IMAGE));
  await containerd.importImage(readFileSync(archive));
  await containerd.inside(["mkdir", "-p", "/run/causeway"]);

  const node = JSON.stringify({ name: NODE_NAME, addresses: network.nodeAddresses, podCIDRs: POD_CIDRS });
  const server = [
    process.execPath,
    join(import.meta.dirname, "api-server.ts"),
    String(API_PORT),
    node,
    join(account, "ca.crt"),
  ];
  const api = await startProcess({ name: "api", command: [...network.node.enter, ...server], folder });
  cleanUps.defer(async () => void (await api.stop()));
  await api.waitForLine(/^https:/, 10_000);

  const helm = await openHelm("helm-4");
  cleanUps.defer(helm.close);
  const pods = createPods(containerd, cgroup);
  const view: KubeletView = {
    fields: { "spec.nodeName": NODE_NAME, "status.hostIP": network.nodeAddresses[0] },
    environment: { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(API_PORT) },
    hostFolders: {
      "/opt/cni/bin": cniBinDir,
      "/etc/cni/net.d": cniConfDir,
      "/run/causeway": "/run/causeway",
    },
    configMaps: { causeway: config },
    serviceAccount: account,
  };
  let count = 0;

  const start = async (template: PodTemplate, container: Container): Promise<string> => {
    const pod = {
      ...pods.input(`agent-${++count}`),
      hostNetwork: true,
      privileged: container.securityContext.privileged ?? false,
    } as const;
    const sandbox = await containerd.cri.runPod(pod);
    const more = planCriContainer(template, container, view);
    return containerd.cri.runContainer(sandbox, pod, container.image, more);
  };
  const render = async (set: readonly string[]): Promise<PodTemplate> => {
    const { template, config: text } = findRendered(parseObjects(await helm.template({ set })));
    writeFileSync(join(config, "config.yaml"), text);
    return template;
  };

  const finish = cleanUps.move();
  return {
    folder,
    network,
    containerd,
    pods,
    cniBinDir,
    cniConfDir,
    busybox: tools.busybox,
    async startAgent(...set) {
      const template = await render(set);
      const [container] = template.spec.containers;
      if (container === undefined) throw new Error("The DaemonSet has no container");
      const agent = await followAgent(containerd, network, await start(template, container));
      const socket = containerd.outerPath(AGENT_SOCKET);
      let isStopped = false;
      const newErrors = newErrorsThrough(() => socket);
      watchAgent({
        name: agent.id.slice(0, 12),
        isRunning: () => !isStopped,
        errors: async () => (isStopped ? [] : newErrors()),
        unreadiness: () => unreadinessThrough(socket),
        verify: () => verifyThrough(socket),
      });
      return {
        ...agent,
        stop() {
          isStopped = true;
          return agent.stop();
        },
      };
    },
    async runInitContainers(...set) {
      const template = await render(set);
      const codes: number[] = [];
      for (const container of template.spec.initContainers ?? [])
        codes.push(await exitCodeOf(containerd, await start(template, container)));
      return codes;
    },
    close: () => finish.disposeAsync(),
  };
}

function findRendered(objects: readonly KubernetesObject[]): Rendered {
  const named = (kind: string): KubernetesObject | undefined =>
    objects.find((object) => object.kind === kind && object.metadata.name === "causeway");
  const daemonSet = named("DaemonSet") as unknown as { spec: { template: PodTemplate } };
  const configMap = named("ConfigMap") as unknown as { data: Record<string, string> };
  return { template: daemonSet.spec.template, config: configMap.data["config.yaml"] ?? "" };
}

async function followAgent(containerd: Containerd, network: LabNetwork, id: string): Promise<AgentContainer> {
  const { cri } = containerd;
  const readyz = async (): Promise<{ status: number; text: string }> => {
    const url = `http://${network.nodeAddresses[0]}:${AGENT_PORT}/readyz`;
    const script = `const r = await fetch("${url}"); console.log(JSON.stringify({ status: r.status, text: await r.text() }))`;
    const command = [...network.node.enter, process.execPath, "--input-type=module", "--eval", script];
    return JSON.parse(await runCommand(command)) as { status: number; text: string };
  };
  return {
    id,
    processFolder: containerd.outerPath(`/proc/${(await cri.containerStatus(id)).pid}`),
    readyz,
    verify: () => verifyThrough(containerd.outerPath(AGENT_SOCKET)),
    async waitUntilReady() {
      const probe = async (): Promise<true | undefined> => {
        const { state, exitCode } = await cri.containerStatus(id);
        if (state !== "CONTAINER_RUNNING") throw new Error(`${state} with exit code ${exitCode}`);
        const { status, text } = await readyz();
        if (status !== 200) throw new Error(text);
        return true;
      };
      await waitFor("the agent's readiness", probe, { timeoutMs: 30_000, intervalMs: 100 });
    },
    async stop() {
      await cri.stopContainer(id, 30);
      const { exitCode } = await cri.containerStatus(id);
      await cri.removeContainer(id);
      return exitCode;
    },
  };
}

function exitCodeOf({ cri }: Containerd, id: string): Promise<number> {
  const ended = async (): Promise<number | undefined> => {
    const { state, exitCode } = await cri.containerStatus(id);
    return state === "CONTAINER_EXITED" ? exitCode : undefined;
  };
  return waitFor("the end of an init container", ended, { timeoutMs: 20_000 });
}
