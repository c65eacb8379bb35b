import assert from "node:assert/strict";
import { test } from "node:test";
import { collectOnce } from "./collect-once.ts";

test("collectOnce() reads once a second, however many ask, and says whose answer it is", async () => {
  let reads = 0;
  let nowMs = 0;
  const collect = collectOnce(
    () => Promise.resolve(++reads),
    () => nowMs,
  );
  const answers = await Promise.all([collect(), collect(), collect()]);
  assert.deepEqual(answers, [
    { value: 1, isNew: true },
    { value: 1, isNew: false },
    { value: 1, isNew: false },
  ]);
  nowMs = 999;
  assert.equal((await collect()).value, 1);
  nowMs = 1000;
  assert.deepEqual(await collect(), { value: 2, isNew: true });
});

test("collectOnce() does not ask what takes longer than a second twice at a time", async () => {
  let nowMs = 0;
  let reads = 0;
  let finish: (value: string) => void = () => undefined;
  const read = (): Promise<string> => {
    reads++;
    return new Promise((resolve) => (finish = resolve));
  };
  const collect = collectOnce(read, () => nowMs);
  const first = collect();
  nowMs = 5000;
  const second = collect();
  assert.equal(reads, 1);
  finish("slow");
  assert.deepEqual(await Promise.all([first, second]), [
    { value: "slow", isNew: true },
    { value: "slow", isNew: false },
  ]);
});

test("collectOnce() tells a failure to all who wait, and reads again a second later", async () => {
  let nowMs = 0;
  let fails = true;
  const read = (): Promise<string> =>
    fails ? Promise.reject(new Error("no kernel")) : Promise.resolve("fine");
  const collect = collectOnce(read, () => nowMs);
  await assert.rejects(collect(), { message: "no kernel" });
  fails = false;
  await assert.rejects(collect(), { message: "no kernel" });
  nowMs = 1000;
  assert.equal((await collect()).value, "fine");
});
