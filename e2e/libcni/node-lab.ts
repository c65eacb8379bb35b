import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeKey } from "../../agent/plan/peers/claim.ts";
import { formatObjects } from "../../agent/testing/kube/format-objects.ts";
import { AGENT_HTTP, type Agent, type AgentInput, startAgent } from "../lib/agent.ts";
import { countThrough } from "../lib/ask-agent.ts";
import { type IpView, viewOf } from "../lib/ip-json.ts";
import { createLabNetwork, type LabNetwork, NODE_NAME } from "../lib/netns.ts";
import { startProcess } from "../lib/process.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";

export const POD_CIDRS = ["10.244.7.0/24", "fd00:10:244:7::/64"] as const;
export const GATEWAYS = ["10.244.7.1", "fd00:10:244:7::1"] as const;

/** A node as the nodes file has it. */
export interface NodeEntry {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly podCIDRs: readonly string[];
  readonly wireguard?: NodeKey | undefined;
}

/**
 * One node without a runtime: the agent, from when a test asks for it, and the folders that a runtime would
 * read.
 */
export interface NodeLab {
  /** Of this run, and of everything that is named after it. */
  readonly tag: string;
  readonly folder: string;
  readonly network: LabNetwork;
  readonly view: IpView;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  readonly socket: string;
  readonly nodesFile: string;
  /** Path of the conflist that the agent installs. */
  readonly conflist: string;
  /** The running agent, ready; started when there is none. */
  agent(): Promise<Agent>;
  stopAgent(): Promise<void>;
  /** What the nodes file tells of this node, and of others; the agent follows it. */
  setPodCidrs(podCIDRs: readonly string[]): void;
  setPeers(peers: readonly NodeEntry[]): void;
  /** Tells the key of this node, as the API server does. */
  setKey(wireguard: NodeKey): void;
  /** What the objects file has; the agent follows it from the first call before its start on. */
  setObjects(objects: readonly object[]): void;
  close(): Promise<void>;
}

/** Makes the node's network; its agent's files come into a new folder below that of the run. */
export async function createNodeLab(agent: Pick<AgentInput, "env" | "flags"> = {}): Promise<NodeLab> {
  const { folder: runFolder, tag } = readRun();
  await using cleanUps = new AsyncDisposableStack();
  const folder = mkdtempSync(join(runFolder, "lab-"));
  cleanUps.defer(() => rmSync(folder, { recursive: true }));
  const cniBinDir = join(folder, "cni-bin");
  const cniConfDir = join(folder, "cni-conf");
  for (const path of [cniBinDir, cniConfDir]) mkdirSync(path);
  const nodesFile = join(folder, "nodes.yaml");
  const socket = join(folder, "causeway", "agent.sock");

  const network = await createLabNetwork(tag);
  cleanUps.defer(network.remove);
  const httpRelay = join(folder, "http.sock");
  const script = join(REPOSITORY, "e2e", "lib", "unix-relay.ts");
  const listen = [process.execPath, script, httpRelay, AGENT_HTTP.address, String(AGENT_HTTP.port)];
  const relay = await startProcess({ name: "relay", command: [...network.node.enter, ...listen], folder });
  cleanUps.defer(async () => void (await relay.stop()));
  await relay.waitForLine(/^listening$/, 5000);

  let podCIDRs: readonly string[] = POD_CIDRS;
  let peers: readonly NodeEntry[] = [];
  let wireguard: NodeKey | undefined;
  const writeNodes = (): void => {
    const own: NodeEntry = { name: NODE_NAME, addresses: network.nodeAddresses, podCIDRs, wireguard };
    writeFileSync(nodesFile, JSON.stringify([own, ...peers]));
  };
  writeNodes();
  const objectsFile = join(folder, "objects.yaml");
  let objects: readonly string[] = [];
  const place = { folder, netns: network.node, nodesFile, nodeName: NODE_NAME, socket, httpRelay };
  let running: Agent | undefined;
  const stopAgent = async (): Promise<void> => {
    await running?.stop("SIGTERM");
    running = undefined;
  };
  cleanUps.defer(stopAgent);

  const finish = cleanUps.move();
  return {
    tag,
    folder,
    network,
    view: viewOf(network.node.enter),
    cniBinDir,
    cniConfDir,
    socket,
    nodesFile,
    conflist: join(cniConfDir, "10-causeway.conflist"),
    async agent() {
      if (running?.isRunning() !== true) {
        const flags = [...objects, ...(agent.flags ?? [])];
        running = await startAgent({ ...place, cniBinDir, cniConfDir, env: agent.env, flags });
      }
      await running.waitUntilReady();
      return running;
    },
    stopAgent,
    setPodCidrs(given) {
      podCIDRs = given;
      writeNodes();
    },
    setPeers(given) {
      peers = given;
      writeNodes();
    },
    setKey(given) {
      wireguard = given;
      writeNodes();
    },
    setObjects(given) {
      writeFileSync(objectsFile, formatObjects(given));
      objects = ["--objects-file", objectsFile];
    },
    close: () => finish.disposeAsync(),
  };
}

/** What pods leave traces in on a node while they live. */
export interface NodeTraces {
  readonly links: readonly string[];
  readonly neighbours: readonly string[];
  readonly fdb: readonly string[];
  readonly attachments: number;
  readonly addresses: number;
}

/**
 * Observes the node, with the agent's own count. Left out is what the kernel keeps for multicast and learns
 * of link-local addresses.
 */
export async function observeTraces({ view, agent, socket }: NodeLab): Promise<NodeTraces> {
  await agent();
  const links = await view.links();
  const neighbours = (await view.neighbours("cw0")).filter(
    ({ dst, state }) => !state.includes("NOARP") && !dst.startsWith("fe80:"),
  );
  const fdb = (await view.fdb("cw0")).filter(({ mac }) => !/^(01:00:5e|33:33)/.test(mac));
  return {
    links: links.map(({ ifname }) => ifname).toSorted(),
    neighbours: neighbours.map(({ dst, lladdr = "none" }) => `${dst} ${lladdr}`).toSorted(),
    fdb: fdb.map(({ mac, ifname }) => `${mac} ${ifname}`).toSorted(),
    ...(await countThrough(socket)),
  };
}

/** The kernel may end a deletion shortly after the runtime has its answer. */
export async function assertTraces(node: NodeLab, want: NodeTraces): Promise<void> {
  const assertion = async (): Promise<void> => assert.deepEqual(await observeTraces(node), want);
  await waitUntilHolds("the node's traces from before", assertion, { timeoutMs: 3000, intervalMs: 50 });
}

/** Runs both, and asserts that they leave the node as it was. */
export async function leavingNothing(
  node: NodeLab,
  body: () => Promise<void>,
  cleanUp: () => Promise<void>,
): Promise<void> {
  const before = await observeTraces(node);
  try {
    await body();
  } finally {
    await cleanUp();
  }
  await assertTraces(node, before);
}

/** A tool that `packages.sh` has put into the cache. */
export function findTool(path: string): string {
  const found = join(process.env["CAUSEWAY_CACHE"] ?? join(REPOSITORY, ".cache"), path);
  if (!existsSync(found)) throw new Error(`Cannot find "${found}": e2e/lib/packages.sh gets it`);
  return found;
}

export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

function readRun(): { readonly folder: string; readonly tag: string } {
  const { CAUSEWAY_E2E_FOLDER: folder, CAUSEWAY_E2E_TAG: tag } = process.env;
  if (folder === undefined || tag === undefined) {
    throw new Error("Cannot run the e2e tests: start them with their run.sh, which cleans up after them");
  }
  return { folder, tag };
}
