import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { runShim } from "./run-shim.ts";

/** A network namespace; it ends with the test process at the latest. */
export interface Netns {
  readonly path: string;
  /** Put in front of a command, runs it inside. */
  readonly enter: readonly string[];
  /** Runs a command inside, and gives its stdout. Throws with its stderr when it fails. */
  run(...command: readonly string[]): Promise<string>;
}

/** A machine of its own: user and network namespace in which the test is root, whoever runs it. */
export interface Host extends Netns, AsyncDisposable {
  makePod(): Promise<Netns>;
}

export async function makeHost(): Promise<Host> {
  const holders = [await hold(["unshare", "-rn"])];
  const host = netnsOf(holders[0]!, ["-U", "-n"]);
  return {
    ...host,
    async makePod() {
      const holder = await hold([...host.enter, "unshare", "-n"]);
      holders.push(holder);
      return netnsOf(holder, ["-U", "-n"]);
    },
    async [Symbol.asyncDispose]() {
      const ended = holders.map((holder) => once(holder, "close"));
      for (const holder of holders) holder.stdin.end();
      await Promise.all(ended);
    },
  };
}

/** A process that keeps the namespaces made by `command` until its stdin is closed. */
async function hold(command: readonly string[]): Promise<ChildProcessWithoutNullStreams> {
  const [program = "", ...args] = command;
  const child = spawn(program, [...args, "sh", "-c", "echo ready; exec cat"]);
  const line = once(createInterface(child.stdout), "line");
  const ended = once(child, "close").then(async () => {
    throw new Error(`${command.join(" ")} ended at once`);
  });
  await Promise.race([line, ended]);
  ended.catch(() => undefined); // it ends with the test
  return child;
}

function netnsOf(holder: ChildProcessWithoutNullStreams, namespaces: readonly string[]): Netns {
  const pid = String(holder.pid);
  const enter = ["nsenter", "-t", pid, ...namespaces, "--preserve-credentials"];
  return {
    path: `/proc/${pid}/ns/net`,
    enter,
    async run(...command) {
      const { exitCode, stdout, stderr } = await runShim({
        command: [...enter, ...command],
        environment: {},
      });
      if (exitCode !== 0) throw new Error(`${command.join(" ")}: exit ${exitCode}: ${stderr}`);
      return stdout;
    },
  };
}

/** Whether a namespace has a link of that name. */
export async function hasLink(netns: Netns, name: string): Promise<boolean> {
  const links = JSON.parse(await netns.run("ip", "-j", "link")) as readonly { readonly ifname: string }[];
  return links.some(({ ifname }) => ifname === name);
}
