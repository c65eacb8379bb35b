import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Flow } from "../packets/sequence.ts";
import { endPrivileged, privileged } from "../runner/privileged.ts";
import { eventually } from "./eventually.ts";
import { type Netns, runOnHost } from "./netns.ts";

const SEQUENCE = new URL("../packets/sequence.ts", import.meta.url).pathname;
const PORT = "7";

/** Starts a program in a namespace that runs until the test's end; `file` gets what it prints. */
async function runSequence(
  context: TestContext,
  netns: Netns,
  file: string,
  args: readonly string[],
): Promise<number> {
  const script = `echo started; exec ${process.execPath} ${SEQUENCE} ${args.join(" ")} >${file}`;
  const { pid } = await privileged({
    command: ["sh", "-c", script],
    netns: netns.path,
    background: true,
  });
  context.after(() => endPrivileged(pid));
  return pid;
}

/**
 * Carries numbers from a pod to these addresses and back, over TCP and UDP; what is returned ends it, and
 * gives what became of them.
 */
export async function carryNumbers(
  context: TestContext,
  from: Netns,
  places: ReadonlyMap<Netns, readonly string[]>,
): Promise<() => Promise<readonly Flow[]>> {
  const all = [...places.values()].flat();
  for (const [netns, addresses] of places) {
    await runSequence(context, netns, "/dev/null", ["echo", PORT, ...addresses]);
    const last = `${addresses.at(-1)}`;
    await eventually(`${last} echoes`, async () => (await netns.run("ss", "-Hltn")).includes(last));
  }
  const folder = mkdtempSync(join(tmpdir(), "numbers-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "numbers");
  const pid = await runSequence(context, from, file, ["talk", PORT, ...all]);
  const established = (): Promise<string> => from.run("ss", "-Htn", "state", "established");
  await eventually(
    "all connections are established",
    async () => (await established()).trim().split("\n").length === all.length,
    established,
  );
  return async () => {
    await runOnHost("kill", "-INT", String(pid));
    await eventually("the numbers are counted", async () => readFileSync(file, "utf8").endsWith("\n"));
    return JSON.parse(readFileSync(file, "utf8")) as readonly Flow[];
  };
}
