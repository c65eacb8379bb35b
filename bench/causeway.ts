import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { NodeKeys } from "../agent/plan/peers/claim.ts";
import { type Host, netnsPath, WORK_FOLDER, writeWork } from "./machine.ts";
import { createPlugin, type Program } from "./program.ts";

/**
 * Far above what a start takes, also with a file of 50,000 objects; a machine that is busy with something
 * else may need some of it.
 */
const READY_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 10_000;

/** CAP_NET_ADMIN is all that the agent gets, as in production. */
const CAPABILITIES = ["--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin"];

/** An entry of a nodes file. */
export interface NodeEntry {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly podCIDRs: readonly string[];
  readonly wireguard?: NodeKeys;
}

export interface CausewayInput {
  readonly id: string;
  readonly host: Host;
  /** One, or one of each family. */
  readonly podCIDRs: readonly string[];
  /** How many host ports each pod has. */
  readonly ports?: number;
  /** The other nodes. */
  readonly peers?: readonly NodeEntry[];
  /** This node's address among them; the host's if undefined. */
  readonly nodeAddress?: string;
  /** "never" if undefined: all that are compared have the uplink's MTU. */
  readonly overlay?: "never" | "always";
  /** Whether it encrypts what goes to nodes with keys. */
  readonly isEncrypted?: boolean;
  /** Whether established connections pass all chains by, where the kernel can. */
  readonly hasFastPath?: boolean;
  /** Path of a file with the objects of a cluster, policies among them. */
  readonly objects?: string;
  /** What is told of it in the table, after its name. */
  readonly remark?: string;
}

/** Our agent on a host of its own, called through our shim. */
export interface Causeway extends Program {
  readonly pid: number;
  /** From the start of the process to the moment when everything is in its place, as its log says. */
  readonly startToReadyMs: number;
  readonly socket: string;
  /** Its node as it was started with. */
  readonly own: NodeEntry;
  /** Tells it that the cluster is these nodes, its own among them. */
  readonly tell: (nodes: readonly NodeEntry[]) => void;
}

/** Waits until it is ready. */
export async function startCauseway(input: CausewayInput): Promise<Causeway> {
  const { id, host, podCIDRs, ports = 0, peers = [], overlay = "never", remark = "" } = input;
  const folder = `${WORK_FOLDER}/${id}`;
  const socket = `${folder}/agent.sock`;
  // The agent watches the folder of its nodes file: no other file of the bench may come and go there.
  for (const part of ["bin", "net.d", "nodes"]) mkdirSync(`${folder}/${part}`, { recursive: true });
  const own: NodeEntry = { name: "bench", addresses: [input.nodeAddress ?? host.address], podCIDRs };
  const tell = (all: readonly NodeEntry[]): string =>
    writeWork(`${id}/nodes/nodes.yaml`, JSON.stringify(all));
  const flags = {
    "--nodes-file": tell([own, ...peers]),
    "--node-name": "bench",
    "--socket": socket,
    "--cni-bin-dir": `${folder}/bin`,
    "--cni-conf-dir": `${folder}/net.d`,
    "--http": `${host.address}:9655`,
    "--overlay": overlay,
    "--encryption-type": input.isEncrypted === true ? "wireguard" : "none",
    ...(input.hasFastPath === true && { "--fast-path": "auto" }),
    ...(input.objects !== undefined && { "--objects-file": input.objects }),
  };
  const { close, ...agent } = await startAgent(id, host, ["--standalone", ...Object.entries(flags).flat()]);
  const plugin = createPlugin({
    id,
    name: `Causeway${ports > 0 ? `, ${ports} host ports` : ""}${remark}`,
    ports,
    host,
    answers: ["CHECK", "STATUS"],
    isDualStack: podCIDRs.length > 1,
    share: 1,
    plugin: `${folder}/bin/causeway`,
    config: { cniVersion: "1.0.0", name: "causeway", type: "causeway", socket },
    close,
  });
  return { ...plugin, ...agent, socket, own, tell };
}

interface Agent extends Pick<Causeway, "pid" | "startToReadyMs"> {
  readonly close: () => Promise<void>;
}

/** Starts the agent and waits until it is ready; throws what it said if it does not start. */
async function startAgent(id: string, host: Host, flags: readonly string[]): Promise<Agent> {
  const bundle = new URL("../dist/causeway.mjs", import.meta.url).pathname;
  const agent = [process.execPath, bundle, "agent", ...flags];
  // A file, because this process reads no pipe while it waits for the launcher.
  const logPath = `${WORK_FOLDER}/${id}.log`;
  const log = openSync(logPath, "w");
  const startMs = Date.now();
  const child = spawn("nsenter", [`--net=${netnsPath(host.netns)}`, "setpriv", ...CAPABILITIES, ...agent], {
    stdio: ["ignore", log, log],
    // As in the image.
    env: { ...process.env, MALLOC_ARENA_MAX: "1" },
  });
  closeSync(log);
  const exited = once(child, "exit");
  let state = "no answer";
  for (const deadlineMs = performance.now() + READY_TIMEOUT_MS; ; await delay(20)) {
    const response = await fetch(`http://${host.address}:9655/readyz`).catch(() => undefined);
    if (response?.status === 200) break;
    if (response !== undefined) state = await response.text();
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      child.kill("SIGKILL");
      throw new Error(`Cannot start the agent: ${state}\n${readFileSync(logPath, "utf8")}`);
    }
  }
  return {
    pid: child.pid ?? 0,
    startToReadyMs: readyTime(readFileSync(logPath, "utf8")) - startMs,
    async close() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

/**
 * When the last part became ready, in milliseconds since 1970. When we notice it depends on how often we ask.
 */
function readyTime(log: string): number {
  const line = log.split("\n").findLast((text) => text.includes('"part":"installation","msg":"Ready"'));
  if (line === undefined)
    throw new Error(`Cannot tell when the agent was ready: its log does not say so\n${log}`);
  return Date.parse((JSON.parse(line) as { time: string }).time);
}
