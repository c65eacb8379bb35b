import { join } from "node:path";
import { observeCommand } from "../lib/command.ts";
import { startProcess } from "../lib/process.ts";
import { childrenOf, hasEnded } from "../lib/process-tree.ts";
import { waitFor } from "../lib/wait-for.ts";

/** The first process of a node's namespaces, which are there as long as it runs. */
export interface NodeInit {
  readonly pid: number;
  /** Ends all processes of the node. */
  kill(): Promise<void>;
}

export interface NodeInitInput {
  readonly name: string;
  /** Of the node's file system, with the program `init` in it. */
  readonly root: string;
  /** Folders of the machine that the node may read, by their paths in the node. */
  readonly binds: Readonly<Record<string, string>>;
  /** Words before a command that put it into the node's cgroups. */
  readonly inCgroup: readonly string[];
  readonly folder: string;
}

const SEPARATE = ["--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--propagation=private"];

/** Makes the namespaces; resolves when the file system is complete. */
export async function startNodeInit({
  name,
  root,
  binds,
  inCgroup,
  folder,
}: NodeInitInput): Promise<NodeInit> {
  const script = [join(import.meta.dirname, "node.sh"), name, root, "/init"];
  const mounts = Object.entries(binds).map(([target, source]) => `${source}=${target}`);
  const unshare = await startProcess({
    name: `${name}-init`,
    command: [...inCgroup, "unshare", ...SEPARATE, "--fork", "--kill-child", ...script, ...mounts],
    folder,
  });
  // The script becomes the program when its work is done.
  const isUp = async (): Promise<number | undefined> => {
    const [child] = childrenOf(unshare.pid);
    if (!unshare.isRunning()) return 0;
    if (child === undefined) return undefined;
    const { stdout } = await observeCommand(["cat", `/proc/${child}/comm`]);
    return stdout === "init\n" ? child : undefined;
  };
  const pid = await waitFor(`the first process of ${name}`, isUp, { timeoutMs: 10_000 });
  if (pid === 0) throw new Error(`Cannot start ${name}: ${unshare.output()}`);
  return {
    pid,
    async kill() {
      await unshare.stop("SIGKILL");
      await waitFor(`the end of ${name}`, () => hasEnded(pid), { timeoutMs: 20_000 });
    },
  };
}
