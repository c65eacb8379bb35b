import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandOutcome, runCommand } from "./run-command.ts";

/** The tests run in the process of the runner: the file has all of it to itself. */
const RUNNER = ["--test", "--test-isolation=none", "--test-timeout=600000"];

/** Whatever a test has started ends with its file, and the file with the runner, however that ends. */
const ENDING = ["--pid", "--mount-proc", "--kill-child"];

const HELPER = new URL("../../../dist/test/privileged", import.meta.url).pathname;

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
  const folder = mountPoint();
  return runCommand([...unshare, ...testCommand(file, folder)], { ...environment, TMPDIR: folder });
}

/** What runs in the namespaces: the helper with all rights, and the tests with CAP_NET_ADMIN alone. */
function testCommand(file: string, folder: string): readonly string[] {
  const steps = 'mount -t tmpfs -o mode=0700 tmpfs "$TMPDIR" && ip link set lo up && exec "$@"';
  const capabilities = ["--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin"];
  const tests = ["setpriv", ...capabilities, process.execPath, ...RUNNER, file];
  return ["sh", "-c", steps, "sh", HELPER, join(folder, "privileged.sock"), ...tests];
}

/** Where each file has a mount of its own for what its tests leave in files: it goes with its namespace. */
function mountPoint(): string {
  const folder = join(tmpdir(), "causeway-kernel-tests");
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Inside such namespaces. */
async function runHere(file: string): Promise<number> {
  const folder = mountPoint();
  const [program = "", ...args] = testCommand(file, folder);
  const tests = spawn(program, args, { stdio: "inherit", env: { ...process.env, TMPDIR: folder } });
  const [code] = (await once(tests, "close")) as [number | null];
  return code ?? 1;
}

if (import.meta.main) process.exitCode = await runHere(process.argv[2] ?? "");
