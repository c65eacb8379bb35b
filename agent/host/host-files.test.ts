import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { planConflist } from "../plan/node/conflist.ts";
import { makeHostFilesInput } from "../testing/agent/host-files-input.ts";
import { ensureHostFiles, type HostFilesInput, servesConflist } from "./host-files.ts";

const conflist = planConflist({ socket: "/run/causeway/agent.sock" });

/** A command that makes a socket of a path, of which the program is gone. */
const MAKE_SOCKET = [
  "perl",
  "-MIO::Socket::UNIX",
  "-e",
  "IO::Socket::UNIX->new(Listen => 1, Local => shift) or die",
] as const;

async function withHost(use: (input: HostFilesInput) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "causeway-host-"));
  const input = makeHostFilesInput(folder);
  try {
    await use(input);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("ensureHostFiles() installs binary and loopback first, the conflist last, and nothing else", async () => {
  await withHost(async (input) => {
    const { written } = await ensureHostFiles(input);
    assert.deepEqual(written, [
      join(input.cniBinDir, "causeway"),
      join(input.cniBinDir, "loopback"),
      join(input.cniConfDir, "10-causeway.conflist"),
    ]);
    assert.deepEqual(readdirSync(input.cniBinDir).toSorted(), ["causeway", "loopback"]);
    assert.deepEqual(readdirSync(input.cniConfDir), ["10-causeway.conflist"]);
    assert.equal(statSync(join(input.cniBinDir, "causeway")).mode & 0o777, 0o755);
    assert.equal(readFileSync(join(input.cniConfDir, "10-causeway.conflist"), "utf8"), conflist);
  });
});

test("ensureHostFiles() gives its files the modes that a hardening guide wants, takes away what is more, and keeps what is stricter (CIS 1.1.9)", async () => {
  await withHost(async (input) => {
    const [shim, loopback] = [join(input.cniBinDir, "causeway"), join(input.cniBinDir, "loopback")];
    const conf = join(input.cniConfDir, input.cniConfName);
    const modes = (): string[] =>
      [shim, loopback, conf].map((path) => (statSync(path).mode & 0o7777).toString(8));
    await ensureHostFiles(input);
    assert.deepEqual(modes(), ["755", "755", "600"]);
    // As an earlier release made it, with what somebody else appended to the chain.
    const chained = conflist.replace('"plugins"', '"plugins" ');
    writeFileSync(conf, chained);
    chmodSync(conf, 0o644);
    assert.deepEqual((await ensureHostFiles(input)).written, [conf]);
    assert.equal(readFileSync(conf, "utf8"), chained);
    const strict = { ...input, cniBinMode: 0o700, cniConfMode: 0o640 };
    assert.deepEqual((await ensureHostFiles(strict)).written, [shim, loopback]);
    assert.deepEqual(modes(), ["700", "700", "600"]);
    assert.deepEqual((await ensureHostFiles(input)).written, []);
    writeFileSync(loopback, "of somebody else");
    chmodSync(loopback, 0o775);
    assert.deepEqual((await ensureHostFiles(input)).written, []);
    assert.deepEqual(modes(), ["700", "775", "600"]);
  });
});

test("ensureHostFiles() writes nothing when all is as planned: nobody's file watch fires for nothing", async () => {
  await withHost(async (input) => {
    await ensureHostFiles(input);
    assert.deepEqual((await ensureHostFiles(input)).written, []);
  });
});

test("ensureHostFiles() replaces an older shim by rename: a running one keeps its inode, no text file busy", async () => {
  await withHost(async (input) => {
    const path = join(input.cniBinDir, "causeway");
    writeFileSync(path, "older shim");
    const { ino } = statSync(path);
    assert.ok((await ensureHostFiles(input)).written.includes(path));
    assert.notEqual(statSync(path).ino, ino);
  });
});

test("ensureHostFiles() keeps the loopback that the node has", async () => {
  await withHost(async (input) => {
    writeFileSync(join(input.cniBinDir, "loopback"), "reference");
    await ensureHostFiles(input);
    assert.equal(readFileSync(join(input.cniBinDir, "loopback"), "utf8"), "reference");
  });
});

for (const { name, damage } of [
  { name: "deleted", damage: (path: string) => rmSync(path) },
  { name: "truncated", damage: (path: string) => writeFileSync(path, "") },
  { name: "half written", damage: (path: string) => writeFileSync(path, conflist.slice(0, 60)) },
  {
    name: "pointed at another socket",
    damage: (path: string) => writeFileSync(path, planConflist({ socket: "/other" })),
  },
  { name: "masked with /dev/null", damage: (path: string) => replaceBy(path, "ln", "-s", "/dev/null") },
  { name: "replaced by a FIFO", damage: (path: string) => replaceBy(path, "mkfifo") },
  { name: "replaced by a socket", damage: (path: string) => replaceBy(path, ...MAKE_SOCKET) },
  { name: "made a link to a device", damage: (path: string) => replaceBy(path, "ln", "-s", "/dev/zero") },
  { name: "made a link to nothing", damage: (path: string) => replaceBy(path, "ln", "-s", "nowhere") },
  { name: "made a link to itself", damage: (path: string) => replaceBy(path, "ln", "-s", basename(path)) },
  { name: "made a file of 65 MB", damage: (path: string) => truncateSync(path, 65 * 1024 * 1024) },
]) {
  test(`ensureHostFiles() restores a conflist that someone ${name}`, async () => {
    await withHost(async (input) => {
      await ensureHostFiles(input);
      const path = join(input.cniConfDir, "10-causeway.conflist");
      damage(path);
      assert.deepEqual((await ensureHostFiles(input)).written, [path]);
      assert.equal(readFileSync(path, "utf8"), conflist);
    });
  });
}

/** What may lie beside our configuration under a name that runtimes load, and is none of ours. */
const ODD_FILES = [
  ["10-link.conflist", "ln", "-s", "/dev/zero"],
  ["20-dangling.conflist", "ln", "-s", "nowhere"],
  ["30-loop.conflist", "ln", "-s", "30-loop.conflist"],
  ["40-fifo.conflist", "mkfifo"],
  ["50-folder.conflist", "mkdir"],
  ["60-socket.conflist", ...MAKE_SOCKET],
  ["70-huge.conflist", "truncate", "-s", "65M"],
] as const;

test("ensureHostFiles() becomes done beside whatever lies in the folder of configurations, and leaves it there", async () => {
  await withHost(async (input) => {
    for (const [name, command, ...args] of ODD_FILES)
      execFileSync(command, [...args, join(input.cniConfDir, name)]);
    const { written } = await ensureHostFiles(input);
    assert.deepEqual(written.at(-1), join(input.cniConfDir, input.cniConfName));
    assert.deepEqual(
      readdirSync(input.cniConfDir).toSorted(),
      [input.cniConfName, ...ODD_FILES.map(([name]) => name)].toSorted(),
    );
  });
});

test("ensureHostFiles() names a folder that has the place of a file, and removes nothing of it", async () => {
  await withHost(async (input) => {
    const path = join(input.cniConfDir, input.cniConfName);
    mkdirSync(path);
    writeFileSync(join(path, "kept"), "");
    await assert.rejects(ensureHostFiles(input), {
      message: `Cannot write "${path}": EISDIR: illegal operation on a directory`,
    });
    assert.deepEqual(readdirSync(path), ["kept"]);
  });
});

test("ensureHostFiles() writes through no link: what links and hard links in its files' places lead to stays as it was", async () => {
  await withHost(async (input) => {
    const other = join(input.cniBinDir, "other");
    writeFileSync(other, "of somebody else", { mode: 0o777 });
    const conf = join(input.cniConfDir, input.cniConfName);
    for (const [path, ...how] of [
      [join(input.cniBinDir, "causeway"), "-s"],
      [conf],
      [join(input.cniConfDir, `.${input.cniConfName}.causeway-tmp`), "-s"],
    ])
      execFileSync("ln", [...how, other, path ?? ""]);
    const { mode } = statSync(other);
    assert.equal((await ensureHostFiles(input)).written.length, 3);
    assert.deepEqual([readFileSync(other, "utf8"), statSync(other).mode], ["of somebody else", mode]);
    assert.equal(lstatSync(conf).isFile() && readFileSync(conf, "utf8"), conflist);
  });
});

function replaceBy(path: string, command: string, ...args: readonly string[]): void {
  rmSync(path);
  execFileSync(command, [...args, path]);
}

test("servesConflist() tolerates plugins that others appended to the chain (istio/istio#32809)", () => {
  const chained = JSON.parse(conflist) as { plugins: object[] };
  chained.plugins.push({ type: "istio-cni" });
  assert.equal(servesConflist(JSON.stringify(chained), conflist), true);
  chained.plugins.reverse();
  assert.equal(servesConflist(JSON.stringify(chained), conflist), false);
});

test("ensureHostFiles() reports configurations that runtimes take before ours (containerd/containerd#9171)", async () => {
  await withHost(async (input) => {
    for (const name of ["05-other.conf", "10-bridge.conflist", "00-notes.txt", "99-late.conflist"]) {
      writeFileSync(join(input.cniConfDir, name), "{}");
    }
    assert.deepEqual((await ensureHostFiles(input)).rivals, [
      join(input.cniConfDir, "05-other.conf"),
      join(input.cniConfDir, "10-bridge.conflist"),
    ]);
  });
});

test("ensureHostFiles() leaves no conflist when the binary cannot be installed: binary before conflist", async () => {
  await withHost(async (input) => {
    rmSync(input.cniBinDir, { recursive: true });
    writeFileSync(input.cniBinDir, "a file in the folder's place");
    await assert.rejects(ensureHostFiles(input), {
      message: `Cannot make folder "${input.cniBinDir}": EEXIST: file already exists`,
    });
    assert.deepEqual(readdirSync(input.cniConfDir), []);
  });
});

test("ensureHostFiles() makes folders that a new host does not have yet", async () => {
  await withHost(async (input) => {
    rmSync(input.cniBinDir, { recursive: true });
    rmSync(input.cniConfDir, { recursive: true });
    assert.equal((await ensureHostFiles(input)).written.length, 3);
  });
});

test("ensureHostFiles() clears up the temporary file of a run that was killed", async () => {
  await withHost(async (input) => {
    writeFileSync(join(input.cniConfDir, ".10-causeway.conflist.causeway-tmp"), "half");
    chmodSync(join(input.cniConfDir, ".10-causeway.conflist.causeway-tmp"), 0o444);
    await ensureHostFiles(input);
    assert.deepEqual(readdirSync(input.cniConfDir), ["10-causeway.conflist"]);
  });
});

test("ensureHostFiles() takes another file name, and removes our conflist of the former one once the new one is there", async () => {
  await withHost(async (input) => {
    await ensureHostFiles(input);
    for (const cniConfName of ["00-causeway.conflist", "05-causeway.conflist", "10-causeway.conflist"]) {
      const { written, removed, rivals } = await ensureHostFiles({ ...input, cniConfName });
      assert.deepEqual(written, [join(input.cniConfDir, cniConfName)]);
      assert.equal(removed.length, 1);
      assert.deepEqual(rivals, []);
      assert.deepEqual(readdirSync(input.cniConfDir), [cniConfName]);
    }
  });
});

test("ensureHostFiles() never removes what is not ours to the letter: chains that somebody made of it, damaged files, other CNIs", async () => {
  await withHost(async (input) => {
    const { plugins, ...keys } = JSON.parse(conflist) as { plugins: readonly object[] };
    const chain = JSON.stringify({ ...keys, plugins: [...plugins, { type: "tuning" }] });
    const others = {
      "05-chain.conflist": chain,
      "20-copy.conf": conflist,
      "30-damaged.conflist": conflist.slice(1),
      "40-other.conflist": '{"name":"other","plugins":[{"type":"bridge"}]}',
    };
    for (const [name, text] of Object.entries(others)) writeFileSync(join(input.cniConfDir, name), text);
    const { removed, rivals } = await ensureHostFiles(input);
    assert.deepEqual(removed, []);
    assert.deepEqual(rivals, [join(input.cniConfDir, "05-chain.conflist")]);
    assert.equal(readdirSync(input.cniConfDir).length, 5);
  });
});

test("ensureHostFiles() removes the conflist of the default name also where others appended plugins or its version is older", async () => {
  await withHost(async (input) => {
    const old =
      '{"cniVersion":"0.4.0","name":"causeway","plugins":[{"type":"causeway"},{"type":"istio-cni"}]}';
    writeFileSync(join(input.cniConfDir, "10-causeway.conflist"), old);
    const { removed } = await ensureHostFiles({ ...input, cniConfName: "02-causeway.conflist" });
    assert.deepEqual(removed, [join(input.cniConfDir, "10-causeway.conflist")]);
  });
});
