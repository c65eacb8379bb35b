import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readLogs } from "./log-files.ts";

test("readLogs() takes the end of the agent's logs and of no other pod's", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pod-logs-"));
  try {
    const write = (pod: string, text: string): void => {
      mkdirSync(join(folder, pod, "agent"), { recursive: true });
      writeFileSync(join(folder, pod, "agent", "0.log"), text);
    };
    write("shop_web_uid", "secret of the shop\n");
    write("kube-system_causeway-x7k2p_uid", `${"old line\n".repeat(200_000)}last line\n`);
    const logs = await readLogs(folder);
    assert.deepEqual(
      logs.map(([name]) => name),
      ["log/0.log"],
    );
    const text = (await logs[0]?.[1]()) ?? "";
    assert.ok(text.length <= 1 << 20);
    assert.match(text, /^old line\n/);
    assert.match(text, /\nlast line\n$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("readLogs() finds nothing where there is no folder of logs", async () => {
  assert.deepEqual(await readLogs("/nowhere"), []);
});
