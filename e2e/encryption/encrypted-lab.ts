import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { askForKey } from "../../agent/report/ask-agent.ts";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { type ManagedProcess, startProcess } from "../lib/process.ts";
import { patienceWith } from "../lib/agent.ts";
import { type WaitOptions, waitUntilHolds } from "../lib/wait-for.ts";
import type { Netns } from "../lib/netns.ts";
import { type AgentOptions, type ClusterLab, createClusterLab, type LabNode } from "../nodes/cluster-lab.ts";
import { type NodePlace, PLACES } from "../nodes/cluster-network.ts";
import { reachAll } from "../nodes/reach.ts";
import { type DeviceReader, type KeyedDevice, startDeviceReader, waitForKey } from "./device-reader.ts";
import type { FrameCounts } from "./sniffer.ts";
import { USERSPACE_FOLDER, USERSPACE_PROGRAM } from "./userspace/device.ts";

export const PORT = 51_820;
export const DEVICE = "cw-wg";
export const NEXT_DEVICE = "cw-wg2";

/** What only packets of tests hold, at most 16 bytes: ping(8) repeats it in its data. */
export const MARKER = "causeway-in-text";

/** How long to wait for what the agent of a node does. */
export function patienceOf({ runningAgent }: LabNode): WaitOptions {
  return { ...patienceWith(runningAgent), intervalMs: 100 };
}

/**
 * WireGuard repeats a call that nobody answers every 5 s, and for so long (REKEY_ATTEMPT_TIME of the
 * whitepaper, section 6.1). The first one may be lost: the other side does not know the key yet; or, in
 * userspace, it is the first packet of IPv6 after one of IPv4. The Go module keeps the address of its last
 * packet in a buffer that IPv4 shortens: it sends to the first 32 bits of the new address and the last 96 of
 * the one before (StdNetBind.Send of conn/bind_std.go). Its next packet of IPv6 is right.
 */
export const CALLED_FOR_MS = 90_000;

/** Waits until a pod of the node pings all targets, as long as WireGuard calls their nodes. */
export function reachPods(node: LabNode, targets: readonly string[]): Promise<void> {
  return reachAll(node, targets, CALLED_FOR_MS);
}

export const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** How agents start that encrypt; `require`: and send nothing in clear. */
export function encrypting(require = false): AgentOptions {
  const names = ["NODE_OPTIONS", USERSPACE_PROGRAM, USERSPACE_FOLDER];
  const env = names.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const space = ["10.244.0.0/16", "fd00:10:244::/48"].flatMap((cidr) => ["--cluster-cidr", cidr]);
  return {
    flags: ["--encryption-type", "wireguard", "--encryption-require", String(require), ...space],
    env: Object.fromEntries(env),
  };
}

/** Restarts all agents; `require`: so that they send nothing in clear. */
export async function restartEncrypting(lab: ClusterLab, require: boolean): Promise<void> {
  for (const node of lab.nodes) {
    await node.stopAgent("SIGTERM");
    await node.startAgentWith(encrypting(require));
  }
}

/** One for each node that has been read. */
const readers = new Map<string, DeviceReader>();

/** Two nodes on one segment and one behind a router, whose agents encrypt and know one another's keys. */
export async function createEncryptedLab(): Promise<ClusterLab> {
  const cluster = await createClusterLab({ places: PLACES.slice(0, 3), agents: encrypting() });
  const close = async (): Promise<void> => {
    for (const reader of readers.values()) await reader.close();
    readers.clear();
    await cluster.close();
  };
  const lab = { ...cluster, close };
  try {
    await publishKeys(lab);
  } catch (error) {
    await lab.close();
    throw error;
  }
  return lab;
}

/** Tells all nodes the key that each has now, and gives the places with them. */
export async function publishKeys(lab: ClusterLab): Promise<readonly NodePlace[]> {
  const places = await Promise.all(
    lab.nodes.map(async (node) => {
      const { publicKey } = await readDevice(node);
      return { ...node.place, wireguard: { publicKey, port: PORT } };
    }),
  );
  lab.setCluster(places);
  await waitForPeers(lab.nodes, lab.nodes.length - 1);
  return places;
}

/** Tells all nodes what each agent says of its key, as the API server does, while `work` goes on. */
export async function whilePublishing<Result>(lab: ClusterLab, work: () => Promise<Result>): Promise<Result> {
  const known = new Map<string, NodePlace>();
  const end = new AbortController();
  let last = "";
  const publish = async (): Promise<void> => {
    for (const place of await Promise.all(lab.nodes.map(withKeys)))
      if (place !== undefined) known.set(place.name, place);
    const text = JSON.stringify([...known.values()]);
    if (text === last || known.size < lab.nodes.length || end.signal.aborted) return;
    last = text;
    lab.setCluster([...known.values()]);
  };
  await publish();
  const publishing = (async () => {
    for (; !end.signal.aborted; await setTimeout(20)) await publish();
  })();
  try {
    return await work();
  } finally {
    end.abort();
    await publishing;
  }
}

/** Undefined while its agent does not answer: its Node stays as it is then. */
async function withKeys({ place, socket }: LabNode): Promise<NodePlace | undefined> {
  const answer = await askForKey(socket, { query: "key", timeoutMs: 1000 });
  if (answer.kind === "silent" || answer.report.key === undefined) return undefined;
  const { publicKey, port, rotation } = answer.report.key;
  const next = rotation && { publicKey: rotation.publicKey, port: rotation.port };
  return { ...place, wireguard: { publicKey, port, next } };
}

/** The device of a node, once it is there with its key. */
export function readDevice(node: LabNode): Promise<KeyedDevice> {
  const reader = readers.get(node.name) ?? startDeviceReader(node.netns);
  readers.set(node.name, reader);
  return waitForKey(reader, DEVICE, patienceOf(node));
}

/** Waits until nodes know so many others' keys, and send what is for their pods through the device. */
export async function waitForPeers(nodes: readonly LabNode[], count: number): Promise<void> {
  for (const node of nodes)
    await waitUntilHolds(
      `${count} peers of ${node.name}`,
      async () => {
        const show = `ip route show dev ${DEVICE}; ip -6 route show dev ${DEVICE}`;
        const routes = (await node.run("sh", "-c", show)).match(/^(?:10\.244|fd00:10:244)\S+/gm) ?? [];
        const { peers } = await readDevice(node);
        assert.deepEqual([peers.length, routes.length], [count, 2 * count], routes.join());
      },
      patienceOf(node),
    );
}

/** What went over the links of a namespace while something was done. */
export interface Sniffer extends AsyncDisposable {
  stop(): Promise<FrameCounts>;
}

export async function startSniffer(netns: Netns): Promise<Sniffer> {
  const folder = mkdtempSync(join(process.env["CAUSEWAY_E2E_FOLDER"] ?? "", "sniffer-"));
  const command = [...netns.enter, process.execPath, script("sniffer.ts"), String(PORT), MARKER];
  const sniffer: ManagedProcess = await startProcess({ name: "sniffer", command, folder });
  await sniffer.waitForLine(/^listening$/, 10_000);
  return {
    async stop() {
      await sniffer.stop();
      return JSON.parse(sniffer.output().trim().split("\n").at(-1) ?? "") as FrameCounts;
    },
    async [Symbol.asyncDispose]() {
      await sniffer.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
