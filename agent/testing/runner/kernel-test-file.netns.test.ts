import assert from "node:assert/strict";
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { codeOf } from "../../lib/errors.ts";
import { eventually } from "../machine/eventually.ts";
import { endPrivileged, privileged } from "./privileged.ts";

const FOLDER = new URL(".", import.meta.url).pathname;

/** A test that never ends: a program of its own, one in a session of its own, and one of the helper's. */
function hangingTest(mark: string): string {
  return `import { spawn } from "node:child_process";
import { test } from "node:test";
import { privileged } from "${FOLDER}privileged.ts";
test("hangs", async () => {
  spawn("tail", ["-f", "${mark}"]);
  spawn("tail", ["-f", "${mark}"], { detached: true }).unref();
  await privileged({ command: ["sh", "-c", "echo; tail -f ${mark}; true"], background: true });
  await new Promise(() => setInterval(() => undefined, 1000));
});
`;
}

/** Processes whose command line has the text. */
function countProcesses(text: string): number {
  return globSync("/proc/[0-9]*/cmdline").filter((path) => {
    try {
      return readFileSync(path, "utf8").includes(text);
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ESRCH") return false;
      throw error;
    }
  }).length;
}

test("a runner that is killed leaves no process of its tests behind, and no file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hanging-"));
  const [file, mark] = [join(folder, "hanging.test.ts"), join(folder, "mark")];
  writeFileSync(mark, "");
  writeFileSync(file, hangingTest(mark));
  const script = `import { runKernelTestFile } from "${FOLDER}kernel-test-file.ts";
console.log("started");
await runKernelTestFile("${file}", ["--map-root-user", "--net"]);`;
  const command = [process.execPath, "--input-type=module", "-e", script];
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  const runner = await privileged({ command, environment: { TMPDIR: temporary }, background: true });
  // Three programs, and the shell around the last.
  await eventually(
    "the test hangs",
    () => countProcesses(mark) === 4,
    () => countProcesses(folder),
  );
  await endPrivileged(runner.pid);
  await eventually(
    "nothing is left",
    () => countProcesses(folder) === 0,
    () => countProcesses(folder),
  );
  assert.deepEqual(readdirSync(temporary, { recursive: true }), ["causeway-kernel-tests"]);
});
