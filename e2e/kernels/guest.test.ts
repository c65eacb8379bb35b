import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { makeFolder, writePrograms } from "../lib/fake-programs.ts";

/** Runs a guest as a suite does; a program plays QEMU, since what is asked is about its end and its words. */
const RUN = `
  import { runGuest } from "${import.meta.dirname}/guest.ts";
  const [seconds] = process.argv.slice(1);
  const signal = seconds === undefined ? undefined : AbortSignal.timeout(Number(seconds) * 1000);
  const onLine = (line) => console.log("heard: " + line);
  const input = { kernel: "6.1", image: "k", initramfs: "i", suite: "smoke", onLine, signal };
  console.log(JSON.stringify((await runGuest(input)).broken ?? "went down"));
`;

interface Run {
  readonly folder: string;
  /** Kills the process that runs the guest, and gives what it has said. */
  kill(): Promise<string>;
  readonly output: Promise<string>;
  line(pattern: RegExp): Promise<string>;
}

function run(t: TestContext, qemu: string, ...args: readonly string[]): Run {
  const folder = makeFolder(t);
  writePrograms(folder, { "qemu-system-x86_64": `echo $$ >${folder}/pid\n${qemu}` });
  const PATH = `${folder}:${process.env["PATH"]}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", RUN, ...args], {
    env: { ...process.env, PATH },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const output = once(reader, "close").then(() => lines.join("\n"));
  return {
    folder,
    output,
    async line(pattern) {
      for (;;) {
        const found = lines.find((line) => pattern.test(line));
        if (found !== undefined) return found;
        await once(reader, "line");
      }
    },
    async kill() {
      child.kill("SIGKILL");
      await once(child, "exit");
      return output;
    },
  };
}

test("a guest that is switched off, one that is killed, and one that QEMU refuses, are told apart", async (t) => {
  assert.match(await run(t, "echo guest: end 0").output, /heard: guest: end 0\n"went down"$/);
  assert.match(await run(t, "kill -9 $$").output, /"QEMU was ended by SIGKILL"$/);
  assert.match(await run(t, "exit 1").output, /"QEMU ended with exit code 1"$/);
});

test("a guest whose partner has failed is ended, and says so", async (t) => {
  assert.match(await run(t, "exec sleep 98764", "0.2").output, /"Its partner has failed"$/);
});

test("QEMU does not outlive a suite that is killed: it went on with 3 GB", async (t) => {
  const guest = run(t, "echo up; exec sleep 98764");
  await guest.line(/heard: up/);
  const pid = readFileSync(join(guest.folder, "pid"), "utf8").trim();
  assert.ok(existsSync(`/proc/${pid}`));
  await guest.kill();
  const isAlive = (): boolean =>
    existsSync(`/proc/${pid}/stat`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  while (isAlive()) await new Promise((resolve) => setTimeout(resolve, 10));
});
