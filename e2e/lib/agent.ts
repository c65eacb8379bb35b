import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { cpuMs } from "../../bench/usage.ts";
import { verifyThrough } from "./ask-agent.ts";
import { newErrorsOf, watchAgent } from "./end-of-test.ts";
import type { Netns } from "./netns.ts";
import { countOpenFiles, type OpenFiles } from "../../agent/testing/process/open-files.ts";
import { type ManagedProcess, type ProcessEnd, startProcess } from "./process.ts";
import { REPOSITORY } from "./tools.ts";
import { waitFor, type WaitOptions } from "./wait-for.ts";

export interface AgentInput {
  readonly folder: string;
  readonly netns: Netns;
  readonly nodesFile: string;
  readonly nodeName: string;
  readonly socket: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  /** Unix socket of a relay to {@link AGENT_HTTP}. */
  readonly httpRelay: string;
  /** Where nodes come from instead of the file: Kubernetes. */
  readonly kubeconfig?: string | undefined;
  /** A file for what it says, instead of the log of the test: a FIFO that nobody reads, for one. */
  readonly stderr?: string | undefined;
  /** Environment variables. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Added to those that follow from the above. */
  readonly flags?: readonly string[];
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** An agent that runs on a node of the lab, with CAP_NET_ADMIN as its only capability. */
export interface Agent {
  readonly pid: number;
  isRunning(): boolean;
  get(path: "/readyz" | "/healthz" | "/metrics"): Promise<HttpAnswer>;
  waitUntilReady(): Promise<void>;
  /** Sum of all samples of a metric whose labels contain these; 0 when there is none. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** Sets of capabilities as hexadecimal numbers, by the names of proc(5): CapEff, CapPrm, … */
  capabilities(): Readonly<Record<string, string>>;
  countOpenFiles(): OpenFiles;
  log(): string;
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<ProcessEnd>;
}

/** Every node has a network namespace and so a loopback of its own: the port need not differ. */
export const AGENT_HTTP = { address: "127.0.0.1", port: 9655 } as const;

/** Starts the agent and returns at once; {@link Agent.waitUntilReady} says when pods can start. */
export async function startAgent(input: AgentInput): Promise<Agent> {
  const {
    folder,
    netns,
    nodesFile,
    kubeconfig,
    stderr,
    nodeName,
    socket,
    cniBinDir,
    cniConfDir,
    httpRelay,
    env = {},
    flags: more = [],
  } = input;
  const flags = {
    ...(kubeconfig === undefined ? { "nodes-file": nodesFile } : { kubeconfig }),
    "node-name": nodeName,
    socket,
    "cni-bin-dir": cniBinDir,
    "cni-conf-dir": cniConfDir,
    http: `${AGENT_HTTP.address}:${AGENT_HTTP.port}`,
    "log-level": "debug",
  };
  const flagArguments = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const onlyNetAdmin = ["setpriv", "--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin"];
  const program = [process.execPath, join(REPOSITORY, "dist", "causeway.mjs"), "agent"];
  const mode = `--standalone=${kubeconfig === undefined}`;
  // Opened for reading too, a FIFO needs nobody else to be opened.
  const redirected = stderr === undefined ? [] : ["sh", "-c", 'exec "$@" 2<>"$0"', stderr];
  const command = [
    ...netns.enter,
    ...redirected,
    ...onlyNetAdmin,
    ...program,
    mode,
    ...flagArguments,
    ...more,
  ];
  const agent = await startProcess({ name: "agent", command, folder, env });
  const readyz = (): Promise<HttpAnswer> => getThrough(httpRelay, "/readyz");
  watchAgent({
    name: nodeName,
    isRunning: agent.isRunning,
    errors: newErrorsOf(agent.output),
    async unreadiness() {
      const { status, body } = await readyz();
      return status === 200 ? undefined : `${status} ${body.trim()}`;
    },
    verify: () => verifyThrough(socket),
  });
  return {
    pid: agent.pid,
    isRunning: agent.isRunning,
    get: (path) => getThrough(httpRelay, path),
    waitUntilReady: () => waitUntilReady(agent, httpRelay),
    async metric(name, labels = {}) {
      const { body } = await getThrough(httpRelay, "/metrics");
      return sumSamples(body, name, labels);
    },
    capabilities: () => readCapabilities(agent.pid),
    countOpenFiles: () => countOpenFiles(agent.pid),
    log: agent.output,
    stop: agent.stop,
  };
}

/**
 * An agent hangs when it has not done what it is to do after so much of its own CPU time, or, asleep, after
 * so long: on a busy machine it may not get a second of CPU in half a minute.
 */
const MAX_WORK = { cpuMs: 10_000, ms: 300_000 };

/** How long to wait for what an agent does; `running`: the one that runs, which may be another one later. */
export function patienceWith(running: () => Pick<Agent, "pid" | "isRunning"> | undefined): WaitOptions {
  const usedMs = (): number => {
    const agent = running();
    return agent?.isRunning() === true ? cpuMs(agent.pid) : 0;
  };
  const startMs = usedMs();
  return { timeoutMs: MAX_WORK.ms, isHopeless: () => usedMs() - startMs > MAX_WORK.cpuMs };
}

async function waitUntilReady(agent: ManagedProcess, httpRelay: string): Promise<void> {
  let last = "no answer";
  const probe = async (): Promise<boolean | undefined> => {
    if (!agent.isRunning()) return false;
    const { status, body } = await getThrough(httpRelay, "/readyz");
    last = `${status} ${body.trim()}`;
    return status === 200 ? true : undefined;
  };
  const patience = patienceWith(() => agent);
  const isReady = await waitFor("the agent's readiness", probe, patience).catch(() => false);
  if (isReady) return;
  const end = agent.isRunning() ? "" : `, and ended with ${JSON.stringify(await agent.stop())}`;
  throw new Error(`The agent did not become ready (${last})${end}: ${agent.output()}`);
}

const FRESH_PAUSE_MS = 50;

/**
 * Asks until the answer was made for this request: what the agent collects is up to a second old, and says
 * so.
 */
async function getThrough(socketPath: string, path: string): Promise<HttpAnswer> {
  for (;;) {
    const answer = await getOnce(socketPath, path);
    if (answer.age === "0") return answer;
    await delay(FRESH_PAUSE_MS);
  }
}

/** A connection for each request: none of the agent's open files may be ours when they are counted. */
function getOnce(socketPath: string, path: string): Promise<HttpAnswer & { readonly age: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false, timeout: 5000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.once("error", reject);
      const { statusCode = 0, headers } = response;
      response.once("end", () => resolve({ status: statusCode, body, age: headers.age ?? "0" }));
    });
    asked.once("timeout", () => asked.destroy(new Error(`No answer to GET ${path} within 5 s`)));
    asked.once("error", reject);
    asked.end();
  });
}

/**
 * Sum of all samples of a metric with these labels in Prometheus's text format: `name{label="value",…}
 * number`.
 */
export function sumSamples(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

function readCapabilities(pid: number): Readonly<Record<string, string>> {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Object.fromEntries(
    [...status.matchAll(/^(Cap\w+):\s+([0-9a-f]+)$/gm)].map(([, key = "", set = ""]) => [key, set]),
  );
}
