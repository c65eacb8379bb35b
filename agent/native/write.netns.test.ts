import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants as files, openSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { after, test } from "node:test";
import { assertInsideTestNamespaces } from "../testing/runner/privileged.ts";
import { loadAddon } from "./addon.ts";
import { makeFolder } from "./test/serve.ts";

assertInsideTestNamespaces();

const addon = loadAddon();
const { newPath, remove } = makeFolder();
const { EAGAIN, EBADF, ENOSPC, EPIPE } = constants.errno;

after(remove);

test("write() does not wait for a full pipe, though its descriptor would, and says when nobody reads any more", () => {
  const path = newPath();
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, files.O_RDONLY | files.O_NONBLOCK);
  const writer = openSync(path, files.O_WRONLY);
  const bytes = Buffer.alloc(10_000);
  let written = 0;
  let result = 0;
  while ((result = addon.write(writer, bytes)) > 0) written += result;
  assert.equal(result, -EAGAIN);
  // The size of a pipe (pipe(7)), less what the last page had no room for.
  assert.ok(written > 60_000 && written <= 65_536, `${written} bytes`);
  closeSync(reader);
  assert.equal(addon.write(writer, bytes), -EPIPE);
  closeSync(writer);
});

test("write() gives the errors of other files as they are", () => {
  const full = openSync("/dev/full", files.O_WRONLY);
  assert.equal(addon.write(full, Buffer.from("x")), -ENOSPC);
  closeSync(full);
  assert.equal(addon.write(full, Buffer.from("x")), -EBADF);
  const path = newPath();
  const file = openSync(path, files.O_WRONLY | files.O_CREAT);
  assert.equal(addon.write(file, Buffer.from("line\n")), 5);
  closeSync(file);
  assert.equal(readFileSync(path, "utf8"), "line\n");
});
