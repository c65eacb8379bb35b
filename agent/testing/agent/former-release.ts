import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestNode } from "./agent-process.ts";
import { eventually } from "../machine/eventually.ts";

/** The release before the one that gave pods routes of their own. */
const COMMIT = "e8f3505";

/**
 * Builds the former release from the repository's history, once; gives its bundle. Needs a clone that has it.
 */
function buildFormerRelease(): string {
  const root = join(import.meta.dirname, "../../..");
  const folder = join(process.env.CAUSEWAY_CACHE ?? tmpdir(), `release-${COMMIT}`);
  const bundle = join(folder, "dist/causeway.mjs");
  if (existsSync(bundle)) return bundle;
  // Not by the number of this process: each file of tests has its own numbers, and several build at once.
  mkdirSync(dirname(folder), { recursive: true });
  const fresh = mkdtempSync(`${folder}.`);
  const archive = execFileSync("git", ["-C", root, "archive", COMMIT], { maxBuffer: 2 ** 28 });
  execFileSync("tar", ["-x", "-C", fresh], { input: archive });
  symlinkSync(join(root, "node_modules"), join(fresh, "node_modules"));
  execFileSync("npm", ["run", "--silent", "build"], { cwd: fresh });
  try {
    renameSync(fresh, folder);
  } catch (error) {
    if (!existsSync(bundle)) throw error;
    rmSync(fresh, { recursive: true }); // another one was faster
  }
  return bundle;
}

export interface FormerAgent {
  end(): Promise<void>;
}

/** Starts an agent of the former release on a node, and waits until it is ready. */
export async function startFormerAgent(node: TestNode, port: number): Promise<FormerAgent> {
  const flags = [
    ["--node-name", "node-1"],
    ["--socket", node.socket],
    ["--cni-bin-dir", node.cniBinDir],
    ["--cni-conf-dir", node.cniConfDir],
    ["--nodes-file", node.nodesFile],
    ["--http", `127.0.0.1:${port}`],
  ].flat();
  const child: ChildProcess = spawn(
    process.execPath,
    [buildFormerRelease(), "agent", "--standalone", ...flags],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  await eventually("the former agent is ready", async () => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    return response?.ok === true;
  });
  return {
    async end() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}
