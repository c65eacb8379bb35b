import { childrenOf } from "../lib/process-tree.ts";
import { type ManagedProcess, startProcess } from "../lib/process.ts";
import { waitFor } from "../lib/wait-for.ts";

/** A program of a node, such as its kubelet, in the node's namespaces and cgroup. */
export interface NodeService {
  start(): Promise<void>;
  /** Sends the signal and waits for the end; of one that does not run, does nothing. */
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

export interface NodeServiceInput {
  readonly name: string;
  /** Words before a command that let it run in the node. */
  readonly enter: () => readonly string[];
  readonly command: readonly string[];
  readonly folder: string;
  /** Whether it does its work; asked until it gives something. */
  readonly probe?: () => Promise<unknown>;
}

export function createNodeService({ name, enter, command, folder, probe }: NodeServiceInput): NodeService {
  let running: ManagedProcess | undefined;
  const hasEnded = (): boolean => running?.isRunning() !== true;
  return {
    async start() {
      running = await startProcess({ name, command: [...enter(), ...command], folder });
      const { output } = running;
      const answered = async (): Promise<unknown> =>
        hasEnded() || (await probe?.()) || probe === undefined || undefined;
      await waitFor(`an answer of ${name}`, answered, { timeoutMs: 30_000 });
      if (hasEnded()) throw new Error(`${name} ended: ${output().slice(-2000)}`);
    },
    async stop(signal) {
      if (running === undefined) return;
      // The child of nsenter is the program itself; nsenter passes no signals on.
      for (const pid of childrenOf(running.pid)) process.kill(pid, signal);
      await waitFor(`the end of ${name}`, () => hasEnded() || undefined, { timeoutMs: 30_000 });
      running = undefined;
    },
  };
}
