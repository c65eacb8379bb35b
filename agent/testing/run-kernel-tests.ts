/**
 * Runs the tests against the real kernel: in a user and network namespace of their own (no root needed, the machine's network is out of
 * reach), one file after the other, with CAP_NET_ADMIN as the only capability.
 * usage: node agent/testing/run-kernel-tests.ts [FILE …]
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { servePrivileged } from "./privileged.ts";

const INSIDE = "CAUSEWAY_TEST_INSIDE";
const files = process.argv.slice(2);

process.exitCode = process.env[INSIDE] === undefined ? enterNamespaces() : await runTests();

function enterNamespaces(): number {
  const self = [process.execPath, import.meta.filename, ...files];
  const { status, error } = spawnSync("unshare", ["-rn", "--kill-child", ...self], {
    stdio: "inherit",
    env: { ...process.env, [INSIDE]: "1" },
  });
  if (error !== undefined) throw error;
  if (status === null) throw new Error("unshare was ended by a signal");
  return status;
}

async function runTests(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "causeway-kernel-tests-"));
  const { environment, close } = await servePrivileged(join(folder, "privileged.sock"));
  try {
    const tests = files.length > 0 ? files : globSync("agent/**/*.netns.test.ts").toSorted();
    if (tests.length === 0) throw new Error("no kernel tests found: run from the repository's folder");
    execFileSync("ip", ["link", "set", "lo", "up"]);
    const child = spawn(
      "setpriv",
      [
        "--bounding-set=-all,+net_admin",
        "--inh-caps=-all,+net_admin",
        process.execPath,
        "--test",
        "--test-concurrency=1",
        "--test-timeout=60000",
        ...tests,
      ],
      { stdio: "inherit", env: { ...process.env, ...environment, TMPDIR: folder } },
    );
    const [code] = (await once(child, "close")) as [number | null];
    return code ?? 1;
  } finally {
    close();
    rmSync(folder, { recursive: true, force: true });
  }
}
