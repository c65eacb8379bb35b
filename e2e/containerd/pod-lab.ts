import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AGENT_HTTP, type Agent, startAgent } from "../lib/agent.ts";
import { type Containerd, PAUSE_IMAGE, startContainerd } from "../lib/containerd.ts";
import { buildBusyboxImage, buildPauseImage } from "../lib/image.ts";
import { type IpView, viewOf } from "../lib/ip-json.ts";
import { createLabNetwork, type LabNetwork, NODE_NAME } from "../lib/netns.ts";
import { type ProcessEnd, startProcess } from "../lib/process.ts";
import type { ContainerdTools, Tools } from "../lib/tools.ts";
import { createPods, type Pods } from "./pods.ts";

export const BUSYBOX_IMAGE = "localhost/busybox:test";
export const POD_CIDRS = ["10.244.7.0/24", "fd00:10:244:7::/64"] as const;
export const GATEWAYS = ["10.244.7.1", "fd00:10:244:7::1"] as const;

/**
 * One node: containerd with CNI folders of its own, empty at first, and the agent from when a test asks for
 * it.
 */
export interface PodLab {
  readonly folder: string;
  readonly network: LabNetwork;
  readonly containerd: Containerd;
  readonly pods: Pods;
  readonly agents: Agents;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  /** Of the agent. */
  readonly socket: string;
  readonly busybox: string;
  readonly nodeView: IpView;
  close(): Promise<void>;
}

/** At most one agent at a time. */
export interface Agents {
  /** Starts the agent without waiting until it is ready. */
  launch(): Promise<Agent>;
  /** The running agent, ready; started when there is none. */
  ready(): Promise<Agent>;
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<ProcessEnd>;
}

/**
 * Makes the network and starts containerd. `folder` and `tag` are those of the run, which `clean-up.sh`
 * clears in the end.
 */
export async function createPodLab(tools: Tools, containerdTools: ContainerdTools): Promise<PodLab> {
  const { folder: runFolder, tag } = readRun();
  await using cleanUps = new AsyncDisposableStack();
  const folder = mkdtempSync(join(runFolder, "lab-"));
  cleanUps.defer(() => rmSync(folder, { recursive: true }));
  const cniBinDir = makeFolder(folder, "cni-bin");
  const cniConfDir = makeFolder(folder, "cni-conf");

  const network = await createLabNetwork(tag);
  cleanUps.defer(network.remove);
  const httpRelay = join(folder, "http.sock");
  const relay = await startRelay(folder, network, httpRelay);
  cleanUps.defer(async () => void (await relay.stop()));

  const cgroup = `/${tag}`;
  const place = { folder, netns: network.node, cniBinDir, cniConfDir };
  const containerd = await startContainerd({ ...place, tools, containerd: containerdTools, cgroup });
  cleanUps.defer(containerd.stop);
  await containerd.importImage(await buildPauseImage(PAUSE_IMAGE));
  await containerd.importImage(await buildBusyboxImage(BUSYBOX_IMAGE, tools.busybox));

  const nodesFile = join(folder, "nodes.yaml");
  const nodes = [{ name: NODE_NAME, addresses: network.nodeAddresses, podCIDRs: POD_CIDRS }];
  writeFileSync(nodesFile, JSON.stringify(nodes));
  const socket = join(folder, "causeway", "agent.sock");
  const agents = createAgents(() =>
    startAgent({ ...place, nodesFile, nodeName: NODE_NAME, socket, httpRelay }),
  );
  cleanUps.defer(async () => void (await agents.stop("SIGKILL")));

  const finish = cleanUps.move();
  return {
    folder,
    network,
    containerd,
    pods: createPods(containerd, cgroup),
    agents,
    cniBinDir,
    cniConfDir,
    socket,
    busybox: tools.busybox,
    nodeView: viewOf(network.node.enter),
    close: () => finish.disposeAsync(),
  };
}

function createAgents(start: () => Promise<Agent>): Agents {
  let current: Agent | undefined;
  const launch = async (): Promise<Agent> => {
    if (current?.isRunning() === true) throw new Error("Cannot start the agent: one is running");
    current = await start();
    return current;
  };
  return {
    launch,
    async ready() {
      const agent = current?.isRunning() === true ? current : await launch();
      await agent.waitUntilReady();
      return agent;
    },
    async stop(signal) {
      const agent = current;
      current = undefined;
      return (await agent?.stop(signal)) ?? { code: 0, signal: null };
    },
  };
}

async function startRelay(
  folder: string,
  network: LabNetwork,
  socket: string,
): ReturnType<typeof startProcess> {
  const script = join(import.meta.dirname, "..", "lib", "unix-relay.ts");
  const program = [process.execPath, script, socket, AGENT_HTTP.address, String(AGENT_HTTP.port)];
  const relay = await startProcess({ name: "relay", command: [...network.node.enter, ...program], folder });
  await relay.waitForLine(/^listening$/, 5000);
  return relay;
}

function makeFolder(folder: string, name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

function readRun(): { readonly folder: string; readonly tag: string } {
  const { CAUSEWAY_E2E_FOLDER: folder, CAUSEWAY_E2E_TAG: tag } = process.env;
  if (folder === undefined || tag === undefined) {
    throw new Error(
      "Cannot run the e2e tests: start them with e2e/containerd/run.sh, which cleans up after them",
    );
  }
  return { folder, tag };
}
