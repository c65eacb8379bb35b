import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { messageOf } from "../../lib/errors.ts";
import { answerSocket, askSocket } from "./json-socket.ts";

/**
 * Kernel tests run with CAP_NET_ADMIN only, like the agent. What a runtime does as root (namespaces, the
 * shim) they ask of a helper process that was started before, through a unix socket named by this variable:
 * one JSON request a connection, one JSON answer.
 */
const SOCKET_VARIABLE = "CAUSEWAY_TEST_PRIVILEGED";

interface PrivilegedRequest {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Leave it running, and answer with its process ID once it has printed its first line. */
  readonly background?: boolean;
}

interface EndRequest {
  readonly pid: number;
  readonly signal: NodeJS.Signals;
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

/** Ends what runs in the background, and resolves once it has ended; it may have done so before. */
export async function endPrivileged(pid: number, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  await askSocket(privilegedSocket(), { pid, signal } satisfies EndRequest);
}

/**
 * Runs a command with all capabilities that the test run has; with `background` it lives until the run ends
 * or it is killed.
 */
export async function privileged(request: PrivilegedRequest): Promise<PrivilegedAnswer> {
  try {
    return (await askSocket(privilegedSocket(), request)) as PrivilegedAnswer;
  } catch (error) {
    throw new Error(`Cannot run ${request.command.join(" ")}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Serves privileged requests on `path`; gives the environment for the tests. Closing ends whatever still runs
 * in the background.
 */
export async function servePrivileged(
  path: string,
): Promise<{ environment: Record<string, string>; close: () => void }> {
  const background = new Set<ChildProcess>();
  const server = await answerSocket(path, (request) =>
    "signal" in request
      ? end(request as EndRequest, background)
      : run(request as PrivilegedRequest, background),
  );
  return {
    environment: { [SOCKET_VARIABLE]: path },
    close() {
      for (const child of background) child.kill("SIGKILL");
      server.close();
    },
  };
}

async function end({ pid, signal }: EndRequest, background: ReadonlySet<ChildProcess>): Promise<object> {
  const child = [...background].find((candidate) => candidate.pid === pid);
  if (child?.kill(signal) === true) await once(child, "exit");
  return {};
}

/** What every command gets of the environment: programs of Node.js share what has been compiled. */
function passedOn(): Record<string, string> {
  const cache = process.env["NODE_COMPILE_CACHE"];
  return {
    PATH: process.env["PATH"] ?? "",
    ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
  };
}

async function run(request: PrivilegedRequest, background: Set<ChildProcess>): Promise<PrivilegedAnswer> {
  const { command, environment = {}, stdin = "" } = request;
  const [program = "", ...args] = command;
  const child = spawn(program, args, { env: { ...passedOn(), ...environment } });
  const failed = once(child, "error").then(([error]) => {
    throw error as Error;
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.on("error", () => undefined); // a command that reads no input may close it
  child.stdin.end(stdin);
  if (request.background === true) {
    background.add(child);
    child.once("exit", () => background.delete(child));
    const [line] = (await Promise.race([once(createInterface(child.stdout), "line"), failed])) as [string];
    return { pid: child.pid ?? 0, exitCode: 0, stdout: line, stderr: "" };
  }
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  const [code, signal] = (await Promise.race([once(child, "close"), failed])) as [
    number | null,
    string | null,
  ];
  if (code === null) throw new Error(`ended by ${signal}: ${Buffer.concat(err).toString("utf8")}`);
  return {
    pid: child.pid ?? 0,
    exitCode: code,
    stdout: Buffer.concat(out).toString("utf8"),
    stderr: Buffer.concat(err).toString("utf8"),
  };
}
