/** The script that gets packages, with a Debian of its own: programs that stand for apt, dpkg and depmod. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { makeFolder, writePrograms } from "./fake-programs.ts";

const SCRIPT = join(import.meta.dirname, "packages.sh");

/** The folder with the lists, which the options name. */
const LISTS = `lists=$(sed -E 's/.*Dir::State::Lists=([^ ]*).*/\\1/' <<<"$*")`;

/**
 * All packages of a mirror have one version, and it has no older one. Lists, too, are of one version. A fault
 * is a file of its name.
 */
const PROGRAMS = {
  "apt-get": `echo "$*" >>"$FAKE/calls"
${LISTS}
case $* in
*indextargets*) printf 'http://mirror.example/debian %s\\n' stable stable-security ;;
*update*)
  if [ ! -e "$FAKE/unreachable" ]; then exec cp "$FAKE/version" "$lists/version"; fi
  echo 'Some index files failed to download. They have been ignored, or old ones used instead.' >&2
  # Of itself, apt-get takes that for passing.
  case $* in *--error-on=any*) exit 100 ;; esac ;;
*download*)
  if [ -e "$FAKE/hold" ]; then cat "$FAKE/hold" >/dev/null; fi
  if [ -e "$FAKE/gone" ] || ! cmp -s "$FAKE/version" "$lists/version"; then
    echo 'E: Failed to fetch http://mirror.example/debian/pool/x.deb  404  Not Found' >&2
    exit 100
  fi
  cp "$FAKE/version" "\${!#}_$(cat "$FAKE/version")_amd64.deb" ;;
esac`,
  "apt-cache": `${LISTS}
version=$(cat "$lists/version")
# What is installed would be the only candidate.
case $* in *Dir::State::status=/dev/null*) ;; *) version=installed ;; esac
case $* in *' depends linux-image-cloud-amd64') echo "  Depends: linux-image-$version.0-cloud-amd64" ;; esac`,
  "dpkg-query": "echo 'install ok installed'",
  dpkg: `mkdir -p "$3/usr/lib/modules/$(cat "$2")"; cp "$2" "$3/version"`,
  depmod: `touch "$2/lib/modules/$3/modules.dep"
if [ -e "$FAKE/depmod-fails" ]; then exit 1; fi
touch "$2/lib/modules/$3/modules.symbols.bin"`,
};

function setUp(t: TestContext) {
  const fake = makeFolder(t);
  const cache = join(fake, "cache");
  const bin = join(fake, "bin");
  writePrograms(bin, PROGRAMS);
  writeFileSync(join(fake, "version"), "1");
  const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}`, FAKE: fake, CAUSEWAY_CACHE: cache };
  const path = (...names: readonly string[]): string => join(cache, ...names);
  return {
    env,
    path,
    set: (name: string, text = "") => writeFileSync(join(fake, name), text),
    unset: (name: string) => rmSync(join(fake, name)),
    read: (...names: readonly string[]) => readFileSync(path(...names), "utf8"),
    calls: (verb: string) =>
      readFileSync(join(fake, "calls"), "utf8")
        .split("\n")
        .filter((call) => new RegExp(`(^| )${verb}( |$)`).test(call)).length,
    run(set: string) {
      const { status, stdout, stderr } = spawnSync(SCRIPT, [set], { encoding: "utf8", env });
      return { code: status, stdout, stderr };
    },
  };
}

type Debian = ReturnType<typeof setUp>;

/** With lists of version 1 and packages of version 2. */
function moveOn(debian: Debian, name: string): void {
  assert.equal(debian.run("prometheus").code, 0);
  rmSync(debian.path("packages", name), { recursive: true });
  debian.set("version", "2");
}

/** All packages for guests but one. */
function haveAllBut(debian: Debian, missing: string): void {
  const kernels = ["5.10", "6.1", "6.12", "newest"].map((version) => `kernel-${version}`);
  for (const name of ["busybox", "guest-tools", ...kernels].filter((other) => other !== missing))
    mkdirSync(debian.path("packages", name), { recursive: true });
}

test("a package that the mirror has replaced since the lists were read is found by reading them again", (t) => {
  const debian = setUp(t);
  moveOn(debian, "prometheus");
  const { code, stderr } = debian.run("prometheus");
  assert.equal(code, 0, stderr);
  assert.match(stderr, /cannot download prometheus of Debian bookworm; reading the package lists again/);
  assert.equal(debian.read("packages", "prometheus", "version"), "2");
});

test("a kernel that the mirror has replaced since the lists were read is named anew", (t) => {
  const debian = setUp(t);
  haveAllBut(debian, "kernel-newest");
  const { stdout } = debian.run("kernels");
  assert.match(stdout, /Fetching linux-image-1\.0-cloud-amd64 of Debian sid/);
  rmSync(debian.path("packages", "kernel-newest"), { recursive: true });
  debian.set("version", "2");
  const { code, stderr } = debian.run("kernels");
  assert.equal(code, 0, stderr);
  assert.match(stderr, /cannot download linux-image-1\.0-cloud-amd64 of Debian sid; reading the package/);
  assert.deepEqual(readdirSync(debian.path("packages", "kernel-newest", "lib", "modules")), ["2"]);
});

test("lists of another day are read again before a package is fetched", (t) => {
  const debian = setUp(t);
  moveOn(debian, "prometheus");
  const twoDaysAgo = Date.now() / 1000 - 48 * 3600;
  utimesSync(debian.path("apt", "bookworm", "updated"), twoDaysAgo, twoDaysAgo);
  const { code, stderr } = debian.run("prometheus");
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert.equal(debian.read("packages", "prometheus", "version"), "2");
});

test("a package that cannot be downloaded is a failure that leaves nothing of it", (t) => {
  const debian = setUp(t);
  debian.set("gone");
  const { code, stderr } = debian.run("prometheus");
  assert.equal(code, 1);
  assert.match(stderr, /404 {2}Not Found/);
  assert.match(stderr, /packages: cannot download prometheus of Debian bookworm\n$/);
  assert.equal(debian.calls("download"), 2);
  assert.equal(existsSync(debian.path("packages", "prometheus")), false);
  assert.deepEqual(readdirSync(debian.path()).toSorted(), [".lock", "apt"]);
});

test("package lists that could not be read are not taken for read", (t) => {
  const debian = setUp(t);
  debian.set("unreachable");
  const { code, stderr } = debian.run("prometheus");
  assert.equal(code, 1);
  assert.match(stderr, /packages: cannot read the package lists of Debian bookworm\n$/);
  debian.unset("unreachable");
  assert.equal(debian.run("prometheus").code, 0);
});

test("a kernel whose index of modules was not finished is fetched again", (t) => {
  const debian = setUp(t);
  haveAllBut(debian, "kernel-5.10");
  debian.set("depmod-fails");
  assert.notEqual(debian.run("kernels").code, 0);
  assert.equal(existsSync(debian.path("packages", "kernel-5.10")), false);
  debian.unset("depmod-fails");
  assert.equal(debian.run("kernels").code, 0);
  const modules = ["packages", "kernel-5.10", "lib", "modules", "1"];
  assert.deepEqual(readdirSync(debian.path(...modules)).toSorted(), ["modules.dep", "modules.symbols.bin"]);
});

test("what a killed run was fetching is gone after the next one", (t) => {
  const debian = setUp(t);
  const left = debian.path(".work", "files");
  mkdirSync(left, { recursive: true });
  assert.equal(debian.run("prometheus").code, 0);
  assert.deepEqual(readdirSync(debian.path()).toSorted(), [".lock", "apt", "packages"]);
});

test("of two runs at once the second waits, says so, and finds what the first has fetched", async (t) => {
  const debian = setUp(t);
  assert.equal(spawnSync("mkfifo", [join(debian.env.FAKE, "hold")]).status, 0);
  const start = () => spawn(SCRIPT, ["prometheus"], { env: debian.env, stdio: ["ignore", "ignore", "pipe"] });
  const first = start();
  const firstEnd = once(first, "exit");
  t.after(() => first.kill("SIGKILL"));
  // Opening the fifo waits for the download to begin.
  const release = spawn("bash", ["-c", 'exec 3>"$FAKE/hold"; echo begun; cat >&3'], { env: debian.env });
  t.after(() => release.kill("SIGKILL"));
  assert.equal((await createInterface(release.stdout)[Symbol.asyncIterator]().next()).value, "begun");
  const second = start();
  const secondEnd = once(second, "exit");
  t.after(() => second.kill("SIGKILL"));
  const said = await createInterface(second.stderr)[Symbol.asyncIterator]().next();
  assert.equal(said.value, `packages: waiting for another run, which fills "${debian.path()}"`);
  release.stdin.end();
  assert.deepEqual(await firstEnd, [0, null]);
  assert.deepEqual(await secondEnd, [0, null]);
  assert.equal(debian.calls("download"), 1);
});
