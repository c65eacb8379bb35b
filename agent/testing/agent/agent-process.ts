import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shippedFile } from "../../lib/shipped.ts";
import { LINK_GROUP } from "../../net/host-link.ts";
import { eventually } from "../machine/eventually.ts";
import { forgetAllConnections } from "../policy/forget-connections.ts";
import { fetchNew } from "./fetch-new.ts";
import { type Netns, runOnHost, runShim } from "../machine/netns.ts";
import { countOpenFiles, type OpenFiles } from "../process/open-files.ts";
import { assertInsideTestNamespaces, type PrivilegedAnswer } from "../runner/privileged.ts";

/**
 * A node for tests: folders of its own, and the shipped agent as a process in the host's namespace of the
 * test run.
 */
export interface TestNode {
  readonly folder: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  readonly socket: string;
  readonly nodesFile: string;
  /** Starts the agent without waiting; flags are added to those of the node. */
  start(...flags: readonly string[]): AgentProcess;
  /** The same, with this descriptor as stderr: {@link AgentProcess.log} is empty. */
  startMuted(stderr: number, ...flags: readonly string[]): AgentProcess;
  /** Writes the nodes file: this node with these PodCIDRs. */
  writeNodes(...podCIDRs: readonly string[]): void;
  /** Calls the shim with the node's configuration. */
  call(command: string, pod: PodCall): Promise<PrivilegedAnswer>;
  /** ADD that must succeed; gives the addresses. */
  add(containerId: string, netns: Netns): Promise<string[]>;
  /** DEL that must succeed, without a word. */
  del(containerId: string, netns?: string): Promise<void>;
  /**
   * Ends the agent, and removes all that it has made; pods' links do not wait for their namespaces, nor what
   * the kernel knows of their connections.
   */
  remove(): Promise<void>;
}

export interface PodCall {
  readonly containerId?: string;
  readonly netns?: string;
  readonly ifname?: string;
  readonly version?: string;
  /** CNI_ARGS. */
  readonly args?: string;
  /** Added to the node's configuration. */
  readonly runtimeConfig?: object;
  /** Instead of the node's configuration. */
  readonly stdin?: string;
}

export interface AgentProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What the agent has logged so far. */
  log(): string;
  /** Status and text of an HTTP path; undefined while nothing listens. */
  get(path: string): Promise<{ readonly status: number; readonly text: string } | undefined>;
  /** Value of a metric, its labels included in the name; undefined when there is none. */
  metric(name: string): Promise<number | undefined>;
  waitUntilReady(): Promise<void>;
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
  countOpenFiles(): OpenFiles;
  residentBytes(): number;
}

export const NODE_NAME = "node-1";

let nextPort = 19_000;

export function makeNode(): TestNode {
  assertInsideTestNamespaces();
  const folder = mkdtempSync(join(tmpdir(), "node-"));
  const node = {
    folder,
    cniBinDir: join(folder, "bin"),
    cniConfDir: join(folder, "net.d"),
    socket: join(folder, "run/agent.sock"),
    nodesFile: join(folder, "nodes.yaml"),
  };
  mkdirSync(node.cniBinDir);
  mkdirSync(node.cniConfDir);
  const agents: AgentProcess[] = [];
  const startWith = (stderr: number | "pipe", flags: readonly string[]): AgentProcess => {
    const agent = startAgent([...nodeFlags(node), ...flags], stderr);
    agents.push(agent);
    return agent;
  };
  return {
    ...node,
    start: (...flags) => startWith("pipe", flags),
    startMuted: (stderr, ...flags) => startWith(stderr, flags),
    writeNodes(...podCIDRs) {
      writeFileSync(
        node.nodesFile,
        JSON.stringify([{ name: NODE_NAME, addresses: ["192.0.2.10"], podCIDRs }]),
      );
    },
    call: (command, pod) => callShim(node.socket, command, pod),
    async add(containerId, netns) {
      const { exitCode, stdout } = await callShim(node.socket, "ADD", { containerId, netns: netns.path });
      assert.equal(exitCode, 0, stdout);
      const { ips } = JSON.parse(stdout) as { ips: readonly { address: string }[] };
      return ips.map(({ address }) => address.replace(/\/\d+$/, ""));
    },
    async del(containerId, netns = "") {
      const { exitCode, stdout } = await callShim(node.socket, "DEL", { containerId, netns });
      assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: "" });
    },
    async remove() {
      for (const agent of agents) await agent.end("SIGKILL");
      await runOnHost(
        "sh",
        "-c",
        `ip link del group ${LINK_GROUP}; ip xfrm policy flush
        for proto in 98 99; do ip route flush proto $proto; ip -6 route flush proto $proto; done
        for table in "inet causeway" "bridge causeway" "inet causeway-policy"; do nft delete table $table; done; true`,
      );
      await forgetAllConnections();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function nodeFlags(node: Pick<TestNode, "cniBinDir" | "cniConfDir" | "socket">): string[] {
  const { cniBinDir, cniConfDir, socket } = node;
  return [
    "--node-name",
    NODE_NAME,
    "--socket",
    socket,
    "--cni-bin-dir",
    cniBinDir,
    "--cni-conf-dir",
    cniConfDir,
  ];
}

function startAgent(flags: readonly string[], stderr: number | "pipe"): AgentProcess {
  const port = nextPort++;
  const program = shippedFile("causeway.mjs").pathname;
  const listen = ["--http", `127.0.0.1:${port}`, "--probes", "127.0.0.1:0"];
  const child = spawn(process.execPath, [program, "agent", ...listen, "--log-level", "debug", ...flags], {
    stdio: ["ignore", "ignore", stderr],
  });
  let log = "";
  child.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString()));
  // Where it says when it is ready, nobody need ask it before: that costs both of them CPU.
  let mayBeReady = stderr !== "pipe" || flags.includes("--log-level");
  const pid = child.pid ?? 0;
  const get: AgentProcess["get"] = async (path) => {
    try {
      return await fetchNew(`http://127.0.0.1:${port}${path}`);
    } catch {
      return undefined; // it does not listen yet, or any more
    }
  };
  return {
    pid,
    child,
    log: () => log,
    get,
    async metric(name) {
      const line = (await get("/metrics"))?.text
        .split("\n")
        .find((candidate) => candidate.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.slice(name.length + 1));
    },
    async waitUntilReady() {
      const isReady = async (): Promise<boolean> => {
        if (child.exitCode !== null) throw new Error(`the agent ended with ${child.exitCode}\n${log}`);
        mayBeReady ||= log.includes('"part":"installation","msg":"Ready"');
        return mayBeReady && (await get("/readyz"))?.status === 200;
      };
      await eventually("the agent is ready", isReady, async () => [await get("/readyz"), log]);
    },
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill(signal);
      const [code] = (await once(child, "exit")) as [number | null];
      return code;
    },
    countOpenFiles: () => countOpenFiles(pid),
    residentBytes: () =>
      Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024,
  };
}

function callShim(socket: string, command: string, pod: PodCall): Promise<PrivilegedAnswer> {
  const { containerId, netns, ifname = "eth0", version = "1.0.0", args, runtimeConfig } = pod;
  const environment = {
    CNI_COMMAND: command,
    CNI_IFNAME: ifname,
    CNI_PATH: "/opt/cni/bin",
    ...(containerId === undefined ? {} : { CNI_CONTAINERID: containerId }),
    ...(netns === undefined ? {} : { CNI_NETNS: netns }),
    ...(args === undefined ? {} : { CNI_ARGS: args }),
  };
  const base = { cniVersion: version, name: "causeway", type: "causeway", socket };
  const config = JSON.stringify({ ...base, runtimeConfig });
  return runShim(environment, pod.stdin ?? config);
}
