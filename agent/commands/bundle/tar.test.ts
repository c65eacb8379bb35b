import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { writeTar } from "./tar.ts";

test("writeTar() writes what tar lists, with modes, sizes and targets", () => {
  const archive = writeTar([
    { type: "directory", name: "bin", mode: 0o755 },
    { type: "file", name: "bin/one", mode: 0o755, content: Buffer.from("x".repeat(513)) },
    { type: "file", name: "empty", mode: 0o600, content: new Uint8Array() },
    { type: "symlink", name: "bin/two", target: "one" },
  ]);
  const { stdout, stderr } = spawnSync("tar", ["--numeric-owner", "--utc", "-tvf", "-"], {
    input: archive,
    encoding: "utf8",
  });
  assert.deepEqual(
    { lines: stdout.trim().split("\n").map(fields), stderr },
    {
      lines: [
        "drwxr-xr-x 0/0 0 bin/",
        "-rwxr-xr-x 0/0 513 bin/one",
        "-rw------- 0/0 0 empty",
        "lrwxrwxrwx 0/0 0 bin/two -> one",
      ],
      stderr: "",
    },
  );
});

test("writeTar() dates all files: those of a bundle looked 56 years old", () => {
  const entry = { type: "file", name: "one", mode: 0o600, content: new Uint8Array() } as const;
  for (const [dateMs, date] of [
    [undefined, "1970-01-01 00:00"],
    [Date.UTC(2026, 10, 27, 7, 30, 1, 999), "2026-11-27 07:30"],
  ] as const) {
    const options = { input: writeTar([entry], dateMs), encoding: "utf8" } as const;
    const { stdout } = spawnSync("tar", ["--utc", "-tvf", "-"], options);
    assert.ok(stdout.includes(` ${date} one`), stdout);
  }
});

test("writeTar() refuses a name that ustar cannot hold", () => {
  const name = "n".repeat(101);
  assert.throws(() => writeTar([{ type: "directory", name, mode: 0o755 }]), /^RangeError: Cannot archive/);
});

/** A line of `tar -tv` without the date. */
function fields(line: string): string {
  const [mode, owner, size, , , ...name] = line.split(/ +/);
  return [mode, owner, size, ...name].join(" ");
}
