import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { cpuMs } from "./usage.ts";

test("cpuMs() tells a process's time while threads of it end: a suite took its agent for hung", async () => {
  const workers = Array.from({ length: 20 }, () => new Worker("", { eval: true }));
  const ended = Promise.all(workers.map((worker) => once(worker, "exit")));
  for (let turn = 0; turn < 100; turn++) {
    for (let times = 0; times < 20; times++) assert.ok(cpuMs(process.pid) > 0);
    await setImmediate();
  }
  await ended;
});
