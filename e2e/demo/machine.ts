import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fetchNew } from "../../agent/testing/agent/fetch-new.ts";

/**
 * Runs a command to its end, in a named network namespace where one is given, and gives its stdout; a failure
 * throws what it said.
 */
export function run(
  command: readonly string[],
  options: { netns?: string; env?: Record<string, string>; input?: string; exitCode?: number } = {},
): string {
  const { netns, env, input = "", exitCode = 0 } = options;
  const [program = "", ...args] = netns === undefined ? command : ["ip", "netns", "exec", netns, ...command];
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input,
    encoding: "utf8",
    timeout: 30_000,
    env: { PATH: process.env["PATH"], ...env },
  });
  if (error !== undefined) throw error;
  if (status !== exitCode) throw new Error(`${command.join(" ")}: exit ${status}: ${stderr}${stdout}`);
  return stdout;
}

/** A TCP server in a network namespace that tells every client the address that it sees of it. */
export async function startMirror(netns: string, port: number): Promise<ChildProcess> {
  const program = `require("node:net").createServer((s) => s.end(s.remoteAddress)).listen(${port}, "::", () => console.log("up"))`;
  return startIn(netns, "-e", program);
}

/** Starts Node.js in a network namespace, and waits for the first line that it prints. */
export async function startIn(netns: string, ...args: readonly string[]): Promise<ChildProcess> {
  const child = spawn("ip", ["netns", "exec", netns, process.execPath, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).once("line", () => resolve());
    child.once("exit", (code) => reject(new Error(`the program in ${netns} ended with ${code}`)));
  });
  return child;
}

/** The address that a {@link startMirror} server sees of a client in `netns`. */
export function askMirror(netns: string, address: string, port: number): string {
  const program = `require("node:net").connect(${port}, "${address}").setTimeout(3000, () => process.exit(1)).pipe(process.stdout)`;
  return run([process.execPath, "-e", program], { netns }).replace(/^::ffff:/, "");
}

export interface AgentProcess {
  readonly pid: number;
  /** Text of a path of the agent's HTTP address. */
  get(path: string): Promise<string>;
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

/** Starts the agent with CAP_NET_ADMIN as its only capability, and waits until it is ready. */
export async function startAgent(flags: readonly string[], port: number): Promise<AgentProcess> {
  const caps = ["--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin"];
  const agent = [
    "dist/causeway.mjs",
    "agent",
    "--standalone",
    "--http",
    `127.0.0.1:${port}`,
    "--log-level",
    "warn",
    ...flags,
  ];
  const child = spawn("setpriv", [...caps, process.execPath, ...agent], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  for (const deadlineMs = performance.now() + 10_000; ; await delay(5)) {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    if (response?.status === 200) break;
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      throw new Error(`the agent did not become ready: ${(await response?.text()) ?? ""}\n${said}`);
    }
  }
  return {
    pid: child.pid ?? 0,
    get: async (path) => (await fetchNew(`http://127.0.0.1:${port}${path}`)).text,
    end(signal) {
      child.kill(signal);
      return exited;
    },
  };
}
