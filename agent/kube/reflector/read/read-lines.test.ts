import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { anyText } from "../../../testing/any-text.ts";
import { readLines } from "./read-lines.ts";

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function read(
  text: string,
  size: number,
  maxLineBytes: number,
): Promise<{ lines: string[]; rest: number }> {
  const lines: string[] = [];
  let rest = 0;
  const options = {
    maxLineBytes,
    tooLong: () => new RangeError("too long"),
    onPartial: (bytes: number) => (rest = bytes),
  };
  for await (const line of readLines(pieces(Buffer.from(text), size), options)) lines.push(line);
  return { lines, rest };
}

test("readLines() gives the same lines however the bytes are cut, characters of several bytes included", async () => {
  const line = anyText.map((text) => text.replaceAll("\n", ""));
  await fc.assert(
    fc.asyncProperty(fc.array(line), line, fc.integer({ min: 1, max: 9 }), async (lines, last, size) => {
      const text = lines.map((each) => `${each}\n`).join("") + last;
      assert.deepEqual(await read(text, size, 1_000_000), { lines, rest: Buffer.byteLength(last) });
    }),
  );
});

test("readLines() throws at a line that is too long, before its end comes", async () => {
  await assert.rejects(read(`ok\n${"x".repeat(50)}`, 7, 20), { message: "too long" });
  assert.deepEqual(await read(`${"x".repeat(20)}\n`, 7, 20), { lines: ["x".repeat(20)], rest: 0 });
});
