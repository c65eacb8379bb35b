import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const FULL = "causeway: cannot write to stdout: ENOSPC: no space left on device\n";

for (const { what, redirect, exitCode, stderr } of [
  { what: "a full disk", redirect: ">/dev/full", exitCode: 1, stderr: FULL },
  { what: "a full disk, which the messages share", redirect: ">/dev/full 2>&1", exitCode: 1, stderr: "" },
  { what: "a reader that has gone", redirect: ">&3", exitCode: 1, stderr: "" },
  { what: "a closed descriptor", redirect: ">&-", exitCode: 0, stderr: "" },
  { what: "nothing open at all", redirect: "<&- >&- 2>&-", exitCode: 0, stderr: "" },
]) {
  test(`a command whose output goes to ${what} ends with ${exitCode} and without a stack trace`, () => {
    const main = new URL("../main.ts", import.meta.url).pathname;
    // Descriptor 3 is a pipe whose reader has ended.
    const command = `exec 3> >(exit); wait $!; "$0" "$1" help ${redirect}`;
    const ended = spawnSync("bash", ["-c", command, process.execPath, main], { encoding: "utf8" });
    assert.deepEqual({ exitCode: ended.status, stderr: ended.stderr }, { exitCode, stderr });
  });
}
