import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
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
  return inFolder((folder) =>
    runCommand([...unshare, ...testCommand(file, folder)], { ...environment, TMPDIR: folder }),
  );
}

/** What runs in the namespaces: the helper with all rights, and the tests with CAP_NET_ADMIN alone. */
function testCommand(file: string, folder: string): readonly string[] {
  const withLoopback = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const capabilities = ["--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin"];
  const tests = ["setpriv", ...capabilities, process.execPath, ...RUNNER, file];
  return [...withLoopback, HELPER, join(folder, "privileged.sock"), ...tests];
}

/** A folder for what the tests leave in files. */
async function inFolder<Result>(run: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "causeway-kernel-tests-"));
  try {
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Inside such namespaces. */
async function runHere(file: string): Promise<number> {
  return inFolder(async (folder) => {
    const [program = "", ...args] = testCommand(file, folder);
    const tests = spawn(program, args, { stdio: "inherit", env: { ...process.env, TMPDIR: folder } });
    const [code] = (await once(tests, "close")) as [number | null];
    return code ?? 1;
  });
}

if (import.meta.main) process.exitCode = await runHere(process.argv[2] ?? "");
