/** The scripts that make what guests boot from. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setUpScripts } from "../image/fake-buildah.ts";

/** One that fills the disk, or is killed: the beginning of an archive, and a failure. */
const HALF_A_CPIO = 'echo "a part"; exit 1';

/** A guest's tools, and programs that do nothing. */
const TOOLS = ["bridge", "ethtool", "ip", "kmod", "ping", "ss", "sysctl", "tc", "xtables-nft-multi"];
const IDLE = ["cp", "ldd", "ln", "make"];

function setUp(t: TestContext, cpio: string, tools: readonly string[] = TOOLS) {
  const idle = Object.fromEntries([...tools, ...IDLE].map((name) => [name, "exit 0"]));
  const scripts = setUpScripts(t, { ...idle, tar: "cat >/dev/null", cpio });
  const output = join(scripts.cache, "guests");
  mkdirSync(output, { recursive: true });
  return { scripts, output };
}

test("a root that could not be written to its end is not there", (t) => {
  const { scripts, output } = setUp(t, HALF_A_CPIO);
  const root = join(output, "root.cpio");
  assert.notEqual(scripts.run("e2e/kernels/make-root.sh", [root]).code, 0);
  assert.deepEqual(readdirSync(output), []);
});

test("a root that was written to its end is there, and nothing beside it", (t) => {
  const { scripts, output } = setUp(t, "cat >/dev/null; echo archive");
  const { code, stderr } = scripts.run("e2e/kernels/make-root.sh", [join(output, "root.cpio")]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(readdirSync(output), ["root.cpio"]);
  assert.equal(scripts.calls().at(-1), "rm --all");
});

test("a tool of guests that the machine lacks is named", (t) => {
  const others = TOOLS.filter((name) => name !== "bridge");
  const { scripts, output } = setUp(t, HALF_A_CPIO, others);
  // Where bridge would be, too.
  const hide = { BASH_ENV: join(scripts.repository, "hide.sh") };
  writeFileSync(
    hide.BASH_ENV,
    'command() { if [ "$*" = "-v bridge" ]; then return 1; fi; builtin command "$@"; }\n',
  );
  const root = join(output, "root.cpio");
  const { code, stderr } = scripts.run("e2e/kernels/make-root.sh", [root], hide);
  assert.equal(code, 1);
  assert.equal(stderr, "image: this machine has no bridge, which guests need\n");
  assert.equal(existsSync(root), false);
});

test("a boot archive that could not be written to its end is not there", (t) => {
  const boot = (cpio: string): readonly string[] => {
    const scripts = setUpScripts(t, { cpio });
    const kernel = join(scripts.cache, "kernel");
    const output = join(scripts.cache, "guests");
    mkdirSync(join(kernel, "lib", "modules", "6.1"), { recursive: true });
    writeFileSync(join(kernel, "lib", "modules", "6.1", "config"), "CONFIG_VETH=m\n");
    mkdirSync(output);
    const root = join(scripts.cache, "root.cpio");
    writeFileSync(root, "root ");
    scripts.run("e2e/kernels/make-boot.sh", [kernel, root, join(output, "boot.cpio")]);
    return readdirSync(output).map((name) => `${name}: ${readFileSync(join(output, name), "utf8")}`);
  };
  assert.deepEqual(boot(HALF_A_CPIO), []);
  assert.deepEqual(boot("cat >/dev/null; echo modules"), ["boot.cpio: root modules\n"]);
});
