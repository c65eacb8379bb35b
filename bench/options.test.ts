import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOptions } from "./options.ts";

test("parseOptions() takes a hundred pods unless told otherwise", () => {
  const { pods, rounds } = parseOptions([]);
  assert.deepEqual({ pods, rounds }, { pods: 100, rounds: 10 });
});

test("parseOptions() makes no more rounds than there are pods", () => {
  assert.equal(parseOptions(["--pods", "4"]).rounds, 4);
});

for (const args of [
  ["--pods", "0"],
  ["--pods", "201"],
  ["--rounds", "many"],
  ["--bursts", "1.5"],
]) {
  test(`parseOptions() refuses ${args.join(" ")} and says why`, () => {
    assert.throws(
      () => parseOptions(args),
      new RegExp(`^Error: Cannot use ${args[0]} "${args[1]}": not a number`),
    );
  });
}

test("parseOptions() refuses to gate what budgets are not meant for", () => {
  assert.throws(() => parseOptions(["--gate", "--pods", "20"]), /budgets hold for 100 pods, not 20$/);
});
