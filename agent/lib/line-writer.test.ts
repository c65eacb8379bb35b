import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createLineWriter, type LineWriter } from "./line-writer.ts";
import { createFakeClock, type FakeClock } from "../testing/fake-clock.ts";

const AGAIN = -11;
const BROKEN = -32;

interface Reader {
  readonly clock: FakeClock;
  readonly writer: LineWriter;
  /** What has arrived. */
  text: string;
  /** Bytes that it takes before it wants no more, or the error that it gives. */
  room: number;
}

function setUp(room: number): Reader {
  const clock = createFakeClock();
  const writer = createLineWriter({
    write(bytes) {
      if (reader.room < 0) return reader.room;
      const taken = Math.min(bytes.length, reader.room);
      reader.text += Buffer.from(bytes.subarray(0, taken)).toString("latin1");
      reader.room -= taken;
      return taken === 0 ? AGAIN : taken;
    },
    again: AGAIN,
    clock,
    onRecovered: (lost) => writer.write(`lost ${lost}\n`),
  });
  const reader: Reader = { clock, writer, text: "", room };
  return reader;
}

test("lines are written at once while somebody reads", () => {
  const reader = setUp(100);
  reader.writer.write("one\n");
  reader.writer.write("two\n");
  assert.equal(reader.text, "one\ntwo\n");
  assert.equal(reader.clock.pending(), 0);
});

test("lines wait for a reader that is slow, and come whole and in order", async () => {
  const reader = setUp(5);
  for (const line of ["one\n", "two\n", "three\n"]) reader.writer.write(line);
  assert.equal(reader.text, "one\nt");
  reader.room = 100;
  await reader.clock.advance(50);
  assert.equal(reader.text, "one\ntwo\nthree\n");
  assert.deepEqual([reader.writer.lost(), reader.clock.pending()], [0, 0]);
});

test("a reader that never reads costs a bounded memory; the lines that are lost are counted, and told when it reads again", async () => {
  const reader = setUp(0);
  const line = `${"x".repeat(1023)}\n`;
  for (let count = 0; count < 300; count++) reader.writer.write(line);
  assert.equal(reader.writer.lost(), 300 - 256);
  reader.room = 1_000_000;
  await reader.clock.advance(50);
  assert.equal(reader.text, `${line.repeat(256)}lost 44\n`);
});

test("a pipe that is closed takes nothing, and no timer is left", async () => {
  const reader = setUp(BROKEN);
  for (let count = 0; count < 10; count++) reader.writer.write("gone\n");
  assert.deepEqual([reader.writer.lost(), reader.clock.pending()], [10, 0]);
});

test("a disk that is full is written to again, and told of", () => {
  const reader = setUp(-28);
  reader.writer.write("lost\n");
  reader.room = 100;
  reader.writer.write("kept\n");
  assert.equal(reader.text, "kept\nlost 1\n");
});

test("a pipe that is closed while lines wait loses them", async () => {
  const reader = setUp(2);
  for (const line of ["one\n", "two\n"]) reader.writer.write(line);
  reader.room = BROKEN;
  await reader.clock.advance(50);
  assert.deepEqual([reader.text, reader.writer.lost(), reader.clock.pending()], ["on", 2, 0]);
});

test("flush() writes what waits, and says whether that was all", () => {
  const reader = setUp(0);
  reader.writer.write("one\n");
  assert.equal(reader.writer.flush(), false);
  reader.room = 100;
  assert.equal(reader.writer.flush(), true);
  assert.equal(reader.text, "one\n");
});

test("abandon() leaves no timer", () => {
  const reader = setUp(0);
  reader.writer.write("one\n");
  assert.equal(reader.clock.pending(), 1);
  reader.writer.abandon();
  assert.equal(reader.clock.pending(), 0);
});

test("whatever a reader takes, and when: what arrives are whole lines in order, and the others are counted", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.nat(20), fc.constant("time" as const), fc.constant("line" as const))),
      async (steps) => {
        const reader = setUp(0);
        let written = 0;
        for (const step of steps) {
          if (step === "line") reader.writer.write(`line ${written++}\n`);
          else if (step === "time") await reader.clock.advance(50);
          else reader.room = step;
        }
        reader.room = 1_000_000;
        await reader.clock.advance(50);
        const want = Array.from({ length: written }, (_, index) => `line ${index}\n`).join("");
        assert.equal(reader.text, want);
        assert.equal(reader.writer.lost(), 0);
      },
    ),
  );
});
