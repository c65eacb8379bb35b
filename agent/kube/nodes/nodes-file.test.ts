import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../../testing/machine/eventually.ts";
import { createFakeClock, type FakeClock } from "../../testing/fake-clock.ts";
import { createRecordingLog, type RecordingLog } from "../../testing/recording-log.ts";
import type { NodeView } from "./node-view.ts";
import { watchNodesFile } from "./nodes-file.ts";

interface Setup {
  readonly path: string;
  readonly folder: string;
  readonly view: NodeView;
  readonly log: RecordingLog;
  readonly clock: FakeClock;
  changes: number;
  /**
   * Waits for `check`, while the clock moves on by less than the poll interval: only a notification can make
   * it true.
   */
  heard(what: string, check: () => boolean): Promise<void>;
}

const POLL_MS = 10_000;
/** By which the clock moves each time that a test looks. */
const STEP_MS = 20;

function setUp(t: TestContext, content?: string): Setup {
  const folder = mkdtempSync(join(tmpdir(), "causeway-nodes-"));
  const path = join(folder, "nodes.yaml");
  if (content !== undefined) writeFileSync(path, content);
  const clock = createFakeClock();
  const log = createRecordingLog();
  const setup = {
    path,
    folder,
    log,
    clock,
    changes: 0,
    async heard(what: string, check: () => boolean) {
      let leftMs = POLL_MS - 1000;
      const isTrue = (): boolean => {
        if (leftMs > 0) void clock.advance(STEP_MS);
        leftMs -= STEP_MS;
        return check();
      };
      await eventually(what, isTrue, () => log.lines);
    },
  };
  const view = watchNodesFile({ path, onChange: () => setup.changes++, log, clock });
  t.after(async () => {
    await view.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return Object.assign(setup, { view });
}

const file = (...names: readonly string[]): string =>
  `[${names.map((name, index) => `{name: ${name}, podCIDRs: [10.1.${index}.0/24]}`).join(", ")}]`;

const names = ({ view }: Setup): string => [...view.nodes().keys()].join();

test("watchNodesFile() reads the file, then follows it: written in place, renamed over, and as a ConfigMap mount", async (t) => {
  const setup = setUp(t, file("a"));
  const { path, folder, view } = setup;
  assert.equal(view.isComplete(), false);
  await setup.heard("the first content", () => view.isComplete());
  assert.equal(names(setup), "a");
  writeFileSync(path, file("a", "b"));
  await setup.heard("written in place", () => names(setup) === "a,b");
  writeFileSync(join(folder, "other"), file("c"));
  renameSync(join(folder, "other"), path);
  await setup.heard("renamed over", () => names(setup) === "c");
  mkdirSync(join(folder, "..data"));
  writeFileSync(join(folder, "..data", "nodes.yaml"), file("d"));
  symlinkSync("..data/nodes.yaml", join(folder, "link"));
  renameSync(join(folder, "link"), path);
  await setup.heard("the mount", () => names(setup) === "d");
  mkdirSync(join(folder, "..new"));
  writeFileSync(join(folder, "..new", "nodes.yaml"), file("e"));
  renameSync(join(folder, "..data"), join(folder, "..old"));
  renameSync(join(folder, "..new"), join(folder, "..data"));
  await setup.heard("the mount was replaced", () => names(setup) === "e");
  assert.equal(view.fault(), undefined);
});

test("watchNodesFile() keeps the last good state through a malformed or missing file, and reports each fault once", async (t) => {
  const setup = setUp(t, file("a"));
  const { path, view, log, clock } = setup;
  await setup.heard("the first content", () => view.isComplete());
  writeFileSync(path, "[{name: a, podCIDRs: [10.1.0.0/99");
  await setup.heard("half a file", () => view.fault()?.includes("it is not YAML") ?? false);
  writeFileSync(path, "[{name: a, podCIDRs: [10.1.0.0/99]}, {name: B}]");
  const wrong = `Cannot use nodes file "${path}": [0].podCIDRs[0] "10.1.0.0/99" is not a prefix such as "10.244.1.0/24", without host bits; [1].name "B" is not a node name`;
  await setup.heard("a malformed file", () => view.fault() === wrong);
  rmSync(path);
  const missing = `Cannot read nodes file "${path}": ENOENT: no such file or directory`;
  await setup.heard("no file", () => view.fault() === missing);
  await clock.advance(10 * POLL_MS);
  assert.equal(log.messages("warn").filter((line) => line === missing).length, 1);
  assert.equal(names(setup), "a");
  assert.equal(view.isComplete(), true);
  writeFileSync(path, file("z"));
  await setup.heard("a good file again", () => names(setup) === "z" && view.fault() === undefined);
});

for (const { what, put, says } of [
  { what: "a FIFO", put: makeFifo, says: "not a regular file" },
  { what: "a folder", put: (path: string) => mkdirSync(path), says: "not a regular file" },
  { what: "a device without end", put: linkTo("/dev/zero"), says: "not a regular file" },
  { what: "a dangling link", put: linkTo("nowhere"), says: "ENOENT: no such file or directory" },
  { what: "a link to itself", put: linkTo("nodes.yaml"), says: "ELOOP: too many symbolic links encountered" },
  { what: "a gigabyte", put: makeLarge, says: "1073741824 bytes are more than 67108864" },
]) {
  test(`watchNodesFile() keeps the last good state when the file becomes ${what}, says so, and goes on`, async (t) => {
    const setup = setUp(t, file("a"));
    const { path, view } = setup;
    await setup.heard("the first content", () => view.isComplete());
    rmSync(path);
    put(path);
    const fault = `Cannot read nodes file "${path}": ${says}`;
    await setup.heard("the fault", () => view.fault() === fault);
    assert.equal(names(setup), "a");
    rmSync(path, { recursive: true });
    writeFileSync(path, file("z"));
    await setup.heard("a good file again", () => names(setup) === "z" && view.fault() === undefined);
  });
}

function makeFifo(path: string): void {
  execFileSync("mkfifo", [path]);
}

function linkTo(target: string): (path: string) => void {
  return (path) => symlinkSync(target, path);
}

function makeLarge(path: string): void {
  writeFileSync(path, "");
  truncateSync(path, 2 ** 30);
}

test("watchNodesFile() waits for a file that is not there at the start", async (t) => {
  const setup = setUp(t);
  const { path, view } = setup;
  await setup.heard("the fault", () => view.fault() !== undefined);
  assert.match(
    view.fault() ?? "",
    /^Cannot read nodes file ".*nodes\.yaml": ENOENT: no such file or directory$/,
  );
  assert.equal(view.isComplete(), false);
  writeFileSync(path, file("a"));
  await setup.heard("the file", () => view.isComplete() && names(setup) === "a");
});

test("watchNodesFile() reads a change although another program writes into the folder all the time", async (t) => {
  const setup = setUp(t, file("a"));
  await setup.heard("the first content", () => names(setup) === "a");
  const neighbour = join(setup.folder, "neighbour");
  writeFileSync(setup.path, file("a", "b"));
  await setup.heard("the next content", () => {
    writeFileSync(neighbour, "");
    return names(setup) === "a,b";
  });
});

test("watchNodesFile() notices a change that nobody announced, when it polls", async (t) => {
  const setup = setUp(t);
  const { folder, path, view, clock } = setup;
  rmSync(folder, { recursive: true });
  await setup.heard("the fault", () => view.fault() !== undefined);
  mkdirSync(folder);
  writeFileSync(path, file("a"));
  await eventually("the file was read", () => {
    void clock.advance(POLL_MS);
    return view.isComplete();
  });
});

test("watchNodesFile() does not call onChange for content that says the same", async (t) => {
  const setup = setUp(t, file("a"));
  const { path, view, clock } = setup;
  await setup.heard("the first content", () => view.isComplete());
  assert.equal(setup.changes, 1);
  writeFileSync(path, file("a"));
  await clock.advance(3 * POLL_MS);
  assert.equal(setup.changes, 1);
});

test("close() of watchNodesFile() ends timers and watch, at once too", async () => {
  const clock = createFakeClock();
  const folder = mkdtempSync(join(tmpdir(), "causeway-nodes-"));
  let changes = 0;
  const options = { path: join(folder, "nodes.yaml"), onChange: () => changes++, log: createRecordingLog() };
  const open = (): NodeView => watchNodesFile({ ...options, clock });
  const early = open();
  await early.close();
  assert.equal(clock.pending(), 0);
  writeFileSync(options.path, file("a"));
  const late = open();
  await clock.advance(0);
  await late.close();
  await late.close();
  assert.equal(clock.pending(), 0);
  assert.equal(changes, 0);
  rmSync(folder, { recursive: true });
});
