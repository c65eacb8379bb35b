import { constants } from "node:os";
import { messageOf } from "../../lib/errors.ts";
import { exchange } from "./json-socket.ts";

/**
 * Kernel tests run with CAP_NET_ADMIN only, like the agent. What a runtime does as root (namespaces, the
 * shim) they ask of a helper that runs them (privileged/main.c), through a unix socket named by this
 * variable: one request a connection, of strings that end with a zero byte each; one answer. A process of
 * Node.js would take 2 ms of CPU for each, and 80 to start.
 */
const SOCKET_VARIABLE = "CAUSEWAY_TEST_PRIVILEGED";

interface PrivilegedRequest {
  readonly command: readonly string[];
  /** Path of the network namespace to run it in; that of the test run without. */
  readonly netns?: string | undefined;
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Leave it running, and answer with its process ID once it has printed its first line. */
  readonly background?: boolean;
}

export interface PrivilegedAnswer {
  readonly pid: number;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Throws unless the process was started by `npm run test:kernel`: outside its namespaces a kernel test would
 * change the machine's own network. Whatever starts an agent or opens rtnetlink in a test asks this first.
 */
export function assertInsideTestNamespaces(): void {
  privilegedSocket();
}

function privilegedSocket(): string {
  const path = process.env[SOCKET_VARIABLE];
  if (path === undefined) throw new Error("Cannot run a kernel test here: start it with npm run test:kernel");
  return path;
}

/** Makes a network namespace, and gives the ID of a process that does nothing but live in it. */
export async function holdNetns(): Promise<number> {
  return (await ask("netns", {})).pid;
}

/** Ends what runs in the background, and resolves once it has ended; it may have done so before. */
export async function endPrivileged(pid: number, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  await ask("end", { strings: [String(pid), String(constants.signals[signal])] });
}

/**
 * Runs a command with all capabilities that the test run has; with `background` it lives until the run ends
 * or it is killed.
 */
export async function privileged(request: PrivilegedRequest): Promise<PrivilegedAnswer> {
  const { command, netns, environment = {}, stdin, background = false } = request;
  const pairs = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  try {
    return await ask(background ? "start" : "run", { netns, strings: command, pairs, stdin });
  } catch (error) {
    throw new Error(`Cannot run ${command.join(" ")}: ${messageOf(error)}`, { cause: error });
  }
}

interface Asked {
  readonly netns?: string | undefined;
  readonly strings?: readonly string[];
  readonly pairs?: readonly string[];
  readonly stdin?: string | undefined;
}

async function ask(
  kind: "run" | "start" | "netns" | "end",
  { netns = "", strings = [], pairs = [], stdin = "" }: Asked,
): Promise<PrivilegedAnswer> {
  const fields = [kind, netns, strings.length, ...strings, pairs.length, ...pairs, stdin];
  return readAnswer(await exchange(privilegedSocket(), fields.join("\0")));
}

/** "PID CODE SIZE" in a line, so many bytes of stdout, stderr; or "! REASON". CODE is below 0 for a signal. */
function readAnswer(answer: Buffer): PrivilegedAnswer {
  const end = answer.indexOf("\n") + 1;
  const [pid = 0, exitCode = 0, size = 0] = answer.toString("latin1", 0, end).split(" ").map(Number);
  if (end === 0 || Number.isNaN(pid)) throw new Error(answer.toString().replace(/^! /, "") || "no answer");
  const stdout = answer.toString("utf8", end, end + size);
  const stderr = answer.toString("utf8", end + size);
  if (exitCode < 0) throw new Error(`ended by ${nameOf(-exitCode)}: ${stderr}`);
  return { pid, exitCode, stdout, stderr };
}

function nameOf(signal: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === signal)?.[0] ?? String(signal);
}
