import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runCommand } from "./command.ts";
import { planContainerdConfig } from "./containerd-config.ts";
import { type CriClient, connectCri } from "./cri.ts";
import type { Netns } from "./netns.ts";
import { startProcess } from "./process.ts";
import { childrenOf, hasEnded } from "./process-tree.ts";
import type { ContainerdTools, Tools } from "./tools.ts";
import { waitFor } from "./wait-for.ts";

export const PAUSE_IMAGE = "localhost/pause:test";

export interface ContainerdInput {
  readonly tools: Pick<Tools, "runc" | "criApi">;
  readonly containerd: ContainerdTools;
  /** Of this run; containerd gets a folder in it. */
  readonly folder: string;
  readonly netns: Netns;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  /** Parent of all pods' cgroups, removed by `stop`. */
  readonly cgroup: string;
}

/** A running containerd, in a mount and PID namespace of its own and in the network namespace of a node. */
export interface Containerd {
  readonly cri: CriClient;
  /** A path of containerd's mount namespace, as seen from here. */
  outerPath(path: string): string;
  /** Runs a command in containerd's mount and PID namespaces. */
  inside(command: readonly string[]): Promise<string>;
  importImage(archive: Uint8Array): Promise<void>;
  log(): string;
  /** Ends containerd, all shims and pods; their mounts vanish with the namespace. */
  stop(): Promise<void>;
}

/** Starts containerd and waits until CRI answers. */
export async function startContainerd(input: ContainerdInput): Promise<Containerd> {
  const { tools, containerd, netns, cniBinDir, cniConfDir, cgroup } = input;
  const folder = join(input.folder, "containerd");
  const socket = join(folder, "containerd.sock");
  const configPath = join(folder, "config.toml");
  mkdirSync(join(folder, "scratch"), { recursive: true });
  const { majorVersion } = containerd;
  const folders = { root: join(folder, "root"), state: join(folder, "state"), cniBinDir, cniConfDir };
  const config = { majorVersion, ...folders, socket, runc: tools.runc };
  writeFileSync(configPath, planContainerdConfig({ ...config, sandboxImage: PAUSE_IMAGE }));

  const separate = [
    "unshare",
    "--mount",
    "--propagation=private",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
  ];
  const script = join(import.meta.dirname, "containerd-node.sh");
  const program = [join(containerd.binFolder, "containerd"), "--config", configPath];
  const unshare = await startProcess({
    name: "containerd",
    command: [...netns.enter, ...separate, script, join(folder, "scratch"), ...program],
    folder: input.folder,
    env: { HOME: folder, PATH: `${containerd.binFolder}:${dirname(tools.runc)}:${process.env["PATH"]}` },
  });
  const cri = connectCri(socket, tools.criApi);
  const stop = async (): Promise<void> => {
    cri.close();
    const init = childrenOf(unshare.pid);
    await unshare.stop("SIGKILL");
    for (const pid of init)
      await waitFor(`the end of process ${pid}`, () => hasEnded(pid), { timeoutMs: 10_000 });
    removeCgroup(cgroup);
  };
  try {
    const probe = async (): Promise<string> => {
      if (!unshare.isRunning()) return "";
      return cri.version();
    };
    if ((await waitFor("an answer of CRI", probe, { timeoutMs: 20_000 })) === "")
      throw new Error("containerd ended");
  } catch (cause) {
    await stop();
    throw new Error(`Cannot start containerd ${containerd.version}: ${unshare.output()}`, { cause });
  }
  const [init = 0] = childrenOf(unshare.pid);
  return {
    cri,
    outerPath: (path) => `/proc/${init}/root${path}`,
    inside: (command) => runCommand(["nsenter", `--target=${init}`, "--mount", "--pid", "--", ...command]),
    async importImage(archive) {
      const file = join(folder, "image.tar");
      writeFileSync(file, archive);
      const ctr = join(containerd.binFolder, "ctr");
      const words = [ctr, "--address", socket, "--namespace", "k8s.io", "images", "import", file];
      // The agent's image has 200 MB to be written.
      await runCommand(words, { timeoutMs: 180_000 });
    },
    log: unshare.output,
    stop,
  };
}

/** Removes a cgroup with all below it, in every hierarchy of version 1 or in the one of version 2. */
export function removeCgroup(path: string): void {
  const root = "/sys/fs/cgroup";
  const remove = (folder: string): void => {
    for (const entry of listFolders(folder)) remove(join(folder, entry));
    rmdirSync(folder);
  };
  for (const hierarchy of ["", ...listFolders(root)]) {
    const folder = join(root, hierarchy, path);
    if (folderExists(folder)) remove(folder);
  }
}

function listFolders(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

function folderExists(folder: string): boolean {
  try {
    return readdirSync(folder).length >= 0;
  } catch {
    return false;
  }
}
