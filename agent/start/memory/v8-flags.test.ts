import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { REST_V8_FLAG, V8_FLAGS } from "./v8-flags.ts";

/** Sets flags one after the other, and reads objects by the page. */
const script = (flags: readonly string[]): string => `
for (const flag of ${JSON.stringify(flags)}) require("node:v8").setFlagsFromString(flag);
const text = JSON.stringify(Array.from({ length: 500 }, (_, field) => ({ name: "field-" + field })));
const page = [];
for (let index = 0; index < 6000; index++) {
  page.push(JSON.parse(text).map(({ name }) => name));
  if (page.length === 1000) page.length = 0;
}`;

/** Whether each collection of the whole heap keeps no room for what may come. */
function traceCollections(...flags: readonly string[]): readonly boolean[] {
  const args = ["--trace-gc", "--eval", script([...V8_FLAGS, ...flags])];
  const lines = execFileSync(process.execPath, args, { encoding: "utf8" }).split("\n");
  const collections = lines.filter((line) => line.includes("Mark-Compact"));
  assert.notEqual(collections.length, 0);
  return collections.map((line) => line.includes("Mark-Compact (reduce)"));
}

// Idle agents had 20 MB more than they used, for minutes after the list of 5,000 nodes.
test("collections of the heap of an agent that rests give memory back", () => {
  assert.ok(traceCollections(REST_V8_FLAG.on).every(Boolean));
});

test("collections of the heap of an agent that works again keep room", () => {
  assert.ok(!traceCollections(REST_V8_FLAG.on, REST_V8_FLAG.off).some(Boolean));
});
