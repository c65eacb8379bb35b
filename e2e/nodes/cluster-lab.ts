import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AGENT_HTTP, type Agent, type AgentInput, startAgent } from "../lib/agent.ts";
import { runCommand } from "../lib/command.ts";
import type { Netns } from "../lib/netns.ts";
import { type ManagedProcess, startProcess } from "../lib/process.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { type ClusterNetwork, createClusterNetwork, type NodePlace, PLACES } from "./cluster-network.ts";
import { attachPod, type LabPod } from "./lab-pod.ts";

export type AgentOptions = Pick<AgentInput, "kubeconfig" | "stderr" | "flags" | "env">;

export interface LabNode {
  readonly name: string;
  readonly place: NodePlace;
  readonly netns: Netns;
  /** Where its agent listens. */
  readonly socket: string;
  readonly nodesFile: string;
  /** The first serves TCP on {@link TCP_PORT}. */
  readonly pods: readonly [LabPod, LabPod];
  /** The running agent; throws without one. */
  agent(): Agent;
  /** Undefined while none runs. */
  runningAgent(): Agent | undefined;
  startAgent(...flags: readonly string[]): Promise<Agent>;
  startAgentWith(options: AgentOptions): Promise<Agent>;
  stopAgent(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** What the nodes file of this node says; undefined removes it. */
  writeNodes(content: string | undefined): void;
  /** Runs a command in the node's namespace. */
  run(...command: readonly string[]): Promise<string>;
}

export interface ClusterLab {
  readonly network: ClusterNetwork;
  readonly nodes: readonly LabNode[];
  node(name: string): LabNode;
  /** Tells all nodes that the cluster is these; all of the lab when undefined. */
  setCluster(places?: readonly NodePlace[]): void;
  /** A server on {@link TCP_PORT} behind the router. */
  startWorldServer(): Promise<ManagedProcess>;
  /** Restarts all agents with these flags. */
  restartAll(...flags: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export const TCP_PORT = 7000;

export interface ClusterOptions {
  readonly places: readonly NodePlace[];
  /** False: first pods serve nothing. */
  readonly servers?: boolean;
  /** What agents start with. */
  readonly agents?: AgentOptions;
  /** Called before the agent of a node starts. */
  readonly prepare?: (node: Netns, place: NodePlace) => Promise<void>;
}

/** Makes the network, starts all agents, and two pods on each node. */
export async function createClusterLab(options: ClusterOptions = { places: PLACES }): Promise<ClusterLab> {
  const { places, prepare, servers = true, agents = {} } = options;
  const { CAUSEWAY_E2E_FOLDER: runFolder, CAUSEWAY_E2E_TAG: tag } = process.env;
  if (runFolder === undefined || tag === undefined)
    throw new Error("Cannot run the e2e tests: start them with their run.sh, which cleans up after them");
  await using cleanUps = new AsyncDisposableStack();
  const folder = mkdtempSync(join(runFolder, "lab-"));
  cleanUps.defer(() => rmSync(folder, { recursive: true }));
  const network = await createClusterNetwork(tag, places);
  cleanUps.defer(network.remove);
  const nodes: LabNode[] = [];
  for (const place of places) {
    await prepare?.(network.node(place.name), place);
    const base = await createNode({ place, netns: network.node(place.name), folder, cleanUps });
    base.writeNodes(nodesYaml(places));
    await base.startAgentWith(agents);
    const first = await addPod(base, `${tag}-${place.name}-a`, cleanUps);
    const second = await addPod(base, `${tag}-${place.name}-b`, cleanUps);
    if (servers) {
      const server = await startServer(first.netns, join(folder, place.name));
      cleanUps.defer(async () => void (await server.stop()));
    }
    nodes.push({ ...base, pods: [first, second] });
  }
  const setCluster = (cluster = places): void => {
    for (const node of nodes) node.writeNodes(nodesYaml(cluster));
  };
  const finish = cleanUps.move();
  return {
    network,
    nodes,
    node: (name) => nodes.find((node) => node.name === name) ?? unknown(name),
    setCluster,
    startWorldServer: () => startServer(network.router, folder),
    async restartAll(...flags) {
      await Promise.all(nodes.map((node) => node.stopAgent("SIGTERM")));
      await Promise.all(nodes.map((node) => node.startAgent(...flags)));
    },
    close: () => finish.disposeAsync(),
  };
}

function unknown(name: string): never {
  throw new Error(`The lab has no node "${name}"`);
}

function nodesYaml(places: readonly NodePlace[]): string {
  return JSON.stringify(
    places.map(({ name, addresses, podCIDRs, wireguard }) => ({ name, addresses, podCIDRs, wireguard })),
  );
}

interface NodeInput {
  readonly place: NodePlace;
  readonly netns: Netns;
  readonly folder: string;
  readonly cleanUps: AsyncDisposableStack;
}

type BareNode = Omit<LabNode, "pods">;

async function createNode({ place, netns, folder: labFolder, cleanUps }: NodeInput): Promise<BareNode> {
  const { name } = place;
  const folder = join(labFolder, name);
  const [cniBinDir, cniConfDir] = [join(folder, "bin"), join(folder, "net.d")];
  for (const path of [cniBinDir, cniConfDir]) mkdirSync(path, { recursive: true });
  const nodesFile = join(folder, "nodes.yaml");
  const socket = join(folder, "run", "agent.sock");
  const httpRelay = join(folder, "http.sock");
  const script = join(REPOSITORY, "e2e", "lib", "unix-relay.ts");
  const listen = [process.execPath, script, httpRelay, AGENT_HTTP.address, String(AGENT_HTTP.port)];
  const relay = await startProcess({ name: "relay", command: [...netns.enter, ...listen], folder });
  cleanUps.defer(async () => void (await relay.stop()));
  await relay.waitForLine(/^listening$/, 5000);
  let agent: Agent | undefined;
  cleanUps.defer(async () => void (await agent?.stop("SIGTERM")));
  const running = (): Agent => {
    if (agent === undefined) throw new Error(`No agent runs on ${name}`);
    return agent;
  };
  const start = async (options: AgentOptions): Promise<Agent> => {
    const files = { folder, nodesFile, socket, cniBinDir, cniConfDir, httpRelay };
    agent = await startAgent({ ...files, netns, nodeName: name, ...options });
    await agent.waitUntilReady();
    return agent;
  };
  return {
    name,
    place,
    netns,
    socket,
    nodesFile,
    agent: running,
    runningAgent: () => agent,
    startAgent: (...flags) => start({ flags }),
    startAgentWith: start,
    async stopAgent(signal) {
      await agent?.stop(signal);
      agent = undefined;
    },
    writeNodes(content) {
      if (content === undefined) rmSync(nodesFile);
      else writeFileSync(nodesFile, content);
    },
    run: (...command) => runCommand([...netns.enter, ...command]),
  };
}

async function addPod(node: BareNode, name: string, cleanUps: AsyncDisposableStack): Promise<LabPod> {
  const pod = await attachPod(node, { name });
  cleanUps.defer(pod.remove);
  return pod;
}

async function startServer({ enter }: Netns, folder: string): Promise<ManagedProcess> {
  const script = join(REPOSITORY, "e2e", "nodes", "tcp-server.ts");
  const command = [...enter, process.execPath, script, String(TCP_PORT)];
  const server = await startProcess({ name: "tcp-server", command, folder });
  await server.waitForLine(/^listening$/, 5000);
  return server;
}
