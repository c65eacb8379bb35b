import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import known from "./known-seconds.json" with { type: "json" };
import { longestFirst } from "./known-seconds.ts";

const TESTS = /\.test\.ts$/;

test("a long job does not come last and run alone, nor does one that nobody knows", () => {
  const [short, long] = ["agent/native/write.netns.test.ts", "agent/test/faults/faults-killed.netns.test.ts"];
  const jobs = ["new", short, long, "newer"].map((name) => ({ name, run: () => assert.fail() }));
  assert.deepEqual(
    longestFirst(jobs).map(({ name }) => name),
    ["new", "newer", long, short],
  );
});

test("every file whose time is known is there: UPDATE_SECONDS=1 npm test", () => {
  const missing = Object.keys(known).filter((name) => TESTS.test(name) && !existsSync(name));
  assert.deepEqual(missing, []);
});
