import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";

const SCRIPT = join(import.meta.dirname, "apt.sh");

/** struct flock of fcntl.h on 64-bit machines, for a lock as apt takes it. */
const HOLD = `use Fcntl qw(:DEFAULT :flock);
open(my $file, ">", $ARGV[0]) or die;
my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0); fcntl($file, F_SETLK, $lock) or die;
$| = 1; print "held\\n"; <STDIN>;`;

interface Setup {
  readonly holder: ChildProcess;
  /** `apt_get update` without sources, in folders of its own. */
  readonly apt: ChildProcess;
  readonly lines: AsyncIterableIterator<string>;
}

async function setUp(t: TestContext, patienceS: number): Promise<Setup> {
  const folder = mkdtempSync(join(tmpdir(), "apt-"));
  mkdirSync(join(folder, "lists", "partial"), { recursive: true });
  const holder = spawn("perl", ["-e", HOLD, join(folder, "lists", "lock")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => {
    holder.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });
  const isHeld = await Promise.race([
    once(createInterface(holder.stdout), "line").then(() => true),
    once(holder, "exit").then(() => false),
  ]);
  assert.ok(isHeld, "perl holds the lock");
  const options = {
    "Dir::State::Lists": join(folder, "lists"),
    "Dir::State::status": "/dev/null",
    "Dir::Cache": folder,
    "Dir::Etc::SourceList": "/dev/null",
    "Dir::Etc::SourceParts": "/dev/null",
    "APT::Sandbox::User": "",
  };
  const words = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const apt = spawn("bash", ["-c", `. ${SCRIPT}; apt_get "$@"`, "bash", "-qq", ...words, "update"], {
    stdio: ["ignore", "inherit", "pipe"],
    env: { ...process.env, APT_PATIENCE_S: String(patienceS) },
  });
  assert.ok(apt.stderr !== null);
  return { holder, apt, lines: createInterface(apt.stderr)[Symbol.asyncIterator]() };
}

test("an apt-get that finds the lists locked says whom it waits for, and goes on when that has ended", async (t) => {
  const { holder, apt, lines } = await setUp(t, 300);
  assert.equal(
    (await lines.next()).value,
    `Waiting for process ${holder.pid} (perl), which holds apt's lock`,
  );
  const ended = once(apt, "exit");
  holder.stdin?.end();
  assert.deepEqual(await ended, [0, null]);
});

test("an apt-get does not wait for ever for a process that does nothing, and names it", async (t) => {
  const { holder, apt, lines } = await setUp(t, 0);
  const ended = once(apt, "exit");
  const said: string[] = [];
  for await (const line of lines) said.push(line);
  assert.match(
    said.join("\n"),
    new RegExp(`^Process ${holder.pid} \\(perl\\) holds apt's lock, and has done nothing`),
  );
  assert.deepEqual(await ended, [100, null]);
});
