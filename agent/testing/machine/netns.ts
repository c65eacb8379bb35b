import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PodSockets } from "../../kernel/types.ts";
import type { Native } from "../../kernel/socket/native.ts";
import { shippedFile } from "../../lib/shipped.ts";
import { createProgramHost } from "../programs/program-host.ts";
import { endPrivileged, holdNetns, type PrivilegedAnswer, privileged } from "../runner/privileged.ts";

/** A network namespace that lives as long as a process in it. */
export interface Netns {
  readonly path: string;
  readonly pid: number;
  /** Runs a command inside, and gives its stdout; a failure throws what it said. */
  run(...command: readonly string[]): Promise<string>;
  /** Runs a program of tests inside (see serve-programs.ts), and gives what it says. */
  call(program: URL, ...args: readonly string[]): Promise<string>;
  /** Ends the process, and with it the namespace. */
  remove(): Promise<void>;
}

export async function makeNetns(): Promise<Netns> {
  const pid = await holdNetns();
  const path = `/proc/${pid}/ns/net`;
  const programs = createProgramHost(path);
  return {
    path,
    pid,
    run: (...command) => output({ command, netns: path }),
    call: programs.run,
    async remove() {
      await programs.end();
      await endPrivileged(pid);
    },
  };
}

/** Runs a command in the host's namespace with all capabilities of the test run, and gives its stdout. */
export function runOnHost(...command: readonly string[]): Promise<string> {
  return output({ command });
}

/** Runs a shell script there; the first command that fails ends it. */
export function host(script: string): Promise<string> {
  return runOnHost("sh", "-ec", script);
}

const hostPrograms = createProgramHost();

/** Runs a program of tests in the host's namespace (see serve-programs.ts), and gives what it says. */
export const callOnHost = hostPrograms.run;

async function output(request: Parameters<typeof privileged>[0]): Promise<string> {
  const { exitCode, stdout, stderr } = await privileged(request);
  if (exitCode === 0) return stdout;
  throw new Error(`${request.command.join(" ")}: exit ${exitCode}: ${stderr}${stdout}`);
}

/** Calls the shim as a runtime does. */
export function runShim(
  environment: Readonly<Record<string, string>>,
  stdin: string,
): Promise<PrivilegedAnswer> {
  return privileged({ command: [shippedFile("bin/causeway").pathname], environment, stdin });
}

/**
 * The descriptors of a namespace as the agent gets them: a real shim is called, and its frame is kept instead
 * of answered. The caller closes both.
 */
export async function openPod(native: Native, netns: Netns): Promise<PodSockets> {
  const folder = mkdtempSync(join(tmpdir(), "pod-"));
  const socket = join(folder, "s");
  try {
    const received = new Promise<number[]>((resolve) => {
      const listener = native.listen(socket, {
        onRequest(connection, _frame, fds) {
          listener.stop();
          native.drop(connection);
          resolve(fds);
        },
        onRefused: () => undefined,
      });
    });
    const environment = {
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "x",
      CNI_NETNS: netns.path,
      CNI_IFNAME: "eth0",
    };
    await runShim(environment, JSON.stringify({ cniVersion: "1.0.0", name: "n", type: "causeway", socket }));
    const [netnsFd, rtnetlink] = await received;
    if (netnsFd === undefined || rtnetlink === undefined) throw new Error("the shim passed no descriptors");
    return { netns: netnsFd, rtnetlink };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Closes what openPod() gave. */
export function closePod(native: Native, { netns, rtnetlink }: PodSockets): void {
  native.close(netns);
  native.close(rtnetlink);
}
