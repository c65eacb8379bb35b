import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AGENT_HTTP, type Agent, startAgent } from "../lib/agent.ts";
import { runCommand } from "../lib/command.ts";
import { type Netns, removeNetns } from "../lib/netns.ts";
import { type ManagedProcess, startProcess } from "../lib/process.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { type ClusterNetwork, createClusterNetwork, type NodePlace, PLACES } from "./cluster-network.ts";

/** A pod: a namespace that the shim has attached. */
export interface LabPod {
  readonly netns: Netns;
  /** IPv4, then IPv6. */
  readonly addresses: readonly [string, string];
}

export interface LabNode {
  readonly name: string;
  readonly place: NodePlace;
  readonly netns: Netns;
  /** The first serves TCP on {@link TCP_PORT}. */
  readonly pods: readonly [LabPod, LabPod];
  /** The running agent. */
  agent(): Agent;
  startAgent(...flags: readonly string[]): Promise<Agent>;
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

/** Makes the network, starts all agents, and two pods on each node. */
export async function createClusterLab(): Promise<ClusterLab> {
  const { CAUSEWAY_E2E_FOLDER: runFolder, CAUSEWAY_E2E_TAG: tag } = process.env;
  if (runFolder === undefined || tag === undefined)
    throw new Error("Cannot run the e2e tests: start them with their run.sh, which cleans up after them");
  await using cleanUps = new AsyncDisposableStack();
  const folder = mkdtempSync(join(runFolder, "lab-"));
  cleanUps.defer(() => rmSync(folder, { recursive: true }));
  const network = await createClusterNetwork(tag);
  cleanUps.defer(network.remove);
  const nodes: LabNode[] = [];
  for (const place of PLACES) {
    const base = await createNode({ place, netns: network.node(place.name), folder, cleanUps });
    base.writeNodes(nodesYaml(PLACES));
    await base.startAgent();
    const first = await createPod({ node: base, name: `${tag}-${place.name}-a`, cleanUps });
    const second = await createPod({ node: base, name: `${tag}-${place.name}-b`, cleanUps });
    const server = await startServer(first.netns, join(folder, place.name));
    cleanUps.defer(async () => void (await server.stop()));
    nodes.push({ ...base, pods: [first, second] });
  }
  const setCluster = (places = PLACES): void => {
    for (const node of nodes) node.writeNodes(nodesYaml(places));
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
  return JSON.stringify(places.map(({ name, addresses, podCIDRs }) => ({ name, addresses, podCIDRs })));
}

interface NodeInput {
  readonly place: NodePlace;
  readonly netns: Netns;
  readonly folder: string;
  readonly cleanUps: AsyncDisposableStack;
}

type BareNode = Omit<LabNode, "pods"> & { readonly socket: string };

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
  return {
    name,
    place,
    netns,
    socket,
    agent: running,
    async startAgent(...flags) {
      const files = { folder, nodesFile, socket, cniBinDir, cniConfDir, httpRelay };
      agent = await startAgent({ ...files, netns, nodeName: name, flags });
      await agent.waitUntilReady();
      return agent;
    },
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

interface PodInput {
  readonly node: Pick<BareNode, "socket" | "netns">;
  readonly name: string;
  readonly cleanUps: AsyncDisposableStack;
}

/** Calls the shim as a runtime does. */
async function createPod({ node, name, cleanUps }: PodInput): Promise<LabPod> {
  await runCommand(["ip", "netns", "add", name]);
  const netns: Netns = { name, enter: ["nsenter", `--net=/run/netns/${name}`, "--"] };
  const call = (command: string): Promise<string> => {
    const environment = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: name,
      CNI_NETNS: `/run/netns/${name}`,
      CNI_IFNAME: "eth0",
      CNI_PATH: join(REPOSITORY, "dist", "bin"),
    };
    const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
    const config = { cniVersion: "1.0.0", name: "causeway", type: "causeway", socket: node.socket };
    const shim = join(REPOSITORY, "dist", "bin", "causeway");
    return runCommand([...node.netns.enter, "env", ...variables, shim], { input: JSON.stringify(config) });
  };
  cleanUps.defer(async () => {
    await call("DEL");
    await removeNetns(name);
  });
  const { ips } = JSON.parse(await call("ADD")) as { ips: readonly { address: string }[] };
  const [v4 = "", v6 = ""] = ips.map(({ address }) => address.replace(/\/\d+$/, ""));
  return { netns, addresses: [v4, v6] };
}

async function startServer({ enter }: Netns, folder: string): Promise<ManagedProcess> {
  const script = join(REPOSITORY, "e2e", "nodes", "tcp-server.ts");
  const command = [...enter, process.execPath, script, String(TCP_PORT)];
  const server = await startProcess({ name: "tcp-server", command, folder });
  await server.waitForLine(/^listening$/, 5000);
  return server;
}
