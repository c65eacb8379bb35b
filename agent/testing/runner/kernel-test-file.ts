import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { servePrivileged } from "./privileged.ts";
import { type CommandOutcome, runCommand } from "./run-command.ts";

/** The tests run in the process of the runner: the file has all of it to itself. */
const RUNNER = ["--test", "--test-isolation=none", "--test-timeout=600000"];

/** Whatever a test has started ends with its file, and the file with the runner, however that ends. */
const ENDING = ["--pid", "--mount-proc", "--kill-child"];

/**
 * Runs one file of kernel tests in namespaces of its own, a network namespace at least, which are named as
 * unshare has them; the caller has the rights to make them. `environment` is added to its own.
 */
export function runKernelTestFile(
  file: string,
  namespaces: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandOutcome> {
  const unshare = ["setpriv", "--pdeathsig=KILL", "unshare", ...namespaces, ...ENDING];
  return runCommand([...unshare, process.execPath, import.meta.filename, file], environment);
}

/** Inside that namespace: the helper process with all rights, and the tests with CAP_NET_ADMIN alone. */
async function runHere(file: string): Promise<number> {
  const folder = await mountFolder();
  const { environment, close } = await servePrivileged(join(folder, "privileged.sock"));
  try {
    await once(spawn("ip", ["link", "set", "lo", "up"], { stdio: "inherit" }), "close");
    const capabilities = ["--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin"];
    const tests = spawn("setpriv", [...capabilities, process.execPath, ...RUNNER, file], {
      stdio: "inherit",
      env: { ...process.env, ...environment, TMPDIR: folder },
    });
    const [code] = (await once(tests, "close")) as [number | null];
    return code ?? 1;
  } finally {
    close();
  }
}

/** A folder that the file has for itself, as it has its mount namespace, with which all that is in it goes. */
async function mountFolder(): Promise<string> {
  const folder = join(tmpdir(), "causeway-kernel-tests");
  mkdirSync(folder, { recursive: true });
  const { exitCode, output } = await runCommand(["mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", folder]);
  if (exitCode !== 0) throw new Error(`Cannot mount a folder at ${folder}: ${output}`);
  return folder;
}

if (import.meta.main) process.exitCode = await runHere(process.argv[2] ?? "");
