import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { makeFolder } from "./fake-programs.ts";

/** Makes namespaces without end, with a process that is known and one that is not, as tests do. */
const TESTS = `
  import { test } from "node:test";
  import { setTimeout } from "node:timers/promises";
  import { observeCommand, runCommand } from "${import.meta.dirname}/command.ts";
  import { startProcess } from "${import.meta.dirname}/process.ts";

  const { CAUSEWAY_E2E_FOLDER: folder, CAUSEWAY_E2E_TAG: tag } = process.env;
  const hang = ["sleep", "98765"];
  test("hangs", async () => {
    await startProcess({ name: "server", command: hang, folder: folder + "/lab" });
    for (let index = 0; ; index++) {
      const netns = tag + "-" + index;
      await runCommand(["ip", "netns", "add", netns]);
      const enter = ["setsid", "nsenter", "--net=/run/netns/" + netns, "--"];
      if (index < 3) void observeCommand([...enter, ...hang], { timeoutMs: 1e6 });
      else console.log("under way");
      await setTimeout(10);
    }
  });
`;

/** In a process namespace of its own, so that whatever is left is gone with it. */
const SCRIPT = `
  mount -t tmpfs tmpfs /run
  env --default-signal ${import.meta.dirname}/run-in-folder.sh "$TMPDIR/hang.e2e.mjs" >"$TMPDIR/output" 2>&1 &
  suite=$!
  until grep -q "under way" "$TMPDIR/output"; do kill -0 $suite || exit; sleep 0.1; done
  kill -$1 $suite
  wait $suite
  echo "exit $?"
  [ -z "$2" ] || ${import.meta.dirname}/run-in-folder.sh "$2" | grep -o "Removing what the run of process"
  ip netns list
  ps -eo args= | grep -E "^(sleep 98765|node .*/run-tests.ts)"
  true
`;

/** What is told after a suite was ended by the signal, with what is left; `next`: the tests of a second suite. */
async function endSuite(t: TestContext, signal: string, next = ""): Promise<string> {
  const folder = makeFolder(t);
  writeFileSync(join(folder, "hang.e2e.mjs"), TESTS);
  const path = join(folder, "next.e2e.mjs");
  if (next !== "") writeFileSync(path, next);
  const { stdout } = await promisify(execFile)(
    join(import.meta.dirname, "own-namespaces.sh"),
    ["bash", "-c", SCRIPT, "bash", signal, next === "" ? "" : path],
    { env: { ...process.env, TMPDIR: folder } },
  );
  const left = readdirSync(folder).filter((name) => name.startsWith("causeway-e2e-"));
  return `${stdout}${left.join("\n")}`;
}

for (const [signal, code] of [
  ["TERM", 143],
  ["INT", 130],
] as const) {
  test(`a suite that SIG${signal} ends leaves no process, network namespace or folder`, async (t) => {
    assert.equal(await endSuite(t, signal), `exit ${code}\n`);
  });
}

test("what a suite leaves that SIGKILL ends, the next one removes, and says so", async (t) => {
  const next = 'import { test } from "node:test"; test("nothing", () => {});';
  assert.equal(await endSuite(t, "KILL", next), "exit 137\nRemoving what the run of process\n");
});
