import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";

/** An agent in a guest, and the shim as a runtime would call it. */
export interface GuestNode {
  readonly pid: number;
  /** Runs the shim for one pod; `netns` is the name of a namespace. */
  call(command: string, pod: PodCall): CallOutcome;
  /** A page of the probes' address. */
  get(path: string): Promise<string>;
  /** What readiness says; "" while nobody listens. Throws when the agent has ended. */
  readiness(): Promise<string>;
  /** What `causeway doctor` says of the node in a container, which has no files of the kernel. */
  doctor(): string;
  /** Lines of the agent's log that warn or tell an error. */
  warnings(): readonly string[];
  stop(): Promise<number | null>;
}

export interface PodCall {
  readonly containerId?: string;
  readonly netns?: string;
  /** CNI_ARGS, as `K8S_POD_NAME=…`. */
  readonly args?: string;
  /** Further keys of the configuration. */
  readonly config?: object;
}

export interface CallOutcome {
  readonly exitCode: number | null;
  readonly stdout: string;
}

const FOLDER = "/run/node";
const LOG = `${FOLDER}/agent.log`;
export const SOCKET = `${FOLDER}/agent.sock`;
const PROGRAM = "dist/causeway.mjs";
/** The image has no /boot/config-RELEASE, and these kernels no /proc/config.gz. */
const HIDE_KERNEL_FILES = "mount -t tmpfs tmpfs /lib/modules";

export function run(command: string): string {
  return execFileSync("sh", ["-ec", command], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Each takes some time of the guest's own, so that a slow machine only makes them slower. */
const MAX_TURNS = 1000;

/** Polls until something holds; throws when it still does not after {@link MAX_TURNS}. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Not so after ${MAX_TURNS} looks: ${what}`);
}

/** Starts an agent, and waits until it is ready. */
export async function startNode(flags: readonly string[]): Promise<GuestNode> {
  const node = launchNode(flags);
  try {
    await until("the agent is ready", async () => (await node.readiness()) === "ok\n");
  } catch (error) {
    console.log(readFileSync(LOG, "utf8"));
    throw error;
  }
  return node;
}

/** Starts an agent. */
export function launchNode(flags: readonly string[]): GuestNode {
  mkdirSync(`${FOLDER}/bin`, { recursive: true });
  const log = openSync(LOG, "w");
  const child = spawn(
    process.execPath,
    [
      PROGRAM,
      "agent",
      "--standalone",
      "--socket",
      SOCKET,
      "--cni-bin-dir",
      `${FOLDER}/bin`,
      "--cni-conf-dir",
      `${FOLDER}/net.d`,
      ...flags,
    ],
    { stdio: ["ignore", log, log] },
  );
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const get = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:9656${path}`)).text();
  return {
    pid: child.pid ?? 0,
    get,
    async readiness() {
      if (child.exitCode !== null) throw new Error(`The agent has ended with ${child.exitCode}`);
      return get("/readyz").catch(() => "");
    },
    call(command, { containerId = "c1", netns, args = "", config = {} }) {
      const stdin = JSON.stringify({
        cniVersion: "1.1.0",
        name: "causeway",
        type: "causeway",
        socket: SOCKET,
        ...config,
      });
      const { status, stdout } = spawnSync("dist/bin/causeway", {
        input: stdin,
        encoding: "utf8",
        env: {
          CNI_COMMAND: command,
          CNI_CONTAINERID: containerId,
          CNI_NETNS: netns === undefined ? "" : `/run/netns/${netns}`,
          CNI_IFNAME: "eth0",
          CNI_ARGS: args,
          CNI_PATH: `${FOLDER}/bin`,
        },
      });
      return { exitCode: status, stdout };
    },
    doctor: () =>
      run(`unshare --mount sh -ec '${HIDE_KERNEL_FILES}; node ${PROGRAM} doctor --socket ${SOCKET}' || true`),
    warnings: () =>
      readFileSync(LOG, "utf8")
        .split("\n")
        .filter((line) => /^\{"level":"(?:warn|error)"/.test(line)),
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}
