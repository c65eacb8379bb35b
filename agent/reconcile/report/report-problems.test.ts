import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { isThorough } from "../../testing/thorough.ts";
import { createProblemReporter } from "./report-problems.ts";

/** Of which ten are told at once. */
const MANY = isThorough ? 1000 : 30;

function setUp() {
  const clock = createFakeClock();
  const lines: string[] = [];
  const write = (line: string): void => void lines.push((JSON.parse(line) as { msg: string }).msg);
  const log = pino({}, { write });
  const tell = createProblemReporter({ log, clock, subject: "Other nodes", over: "All is well again" });
  return { lines, clock, tell };
}

test("createProblemReporter() tells a problem once, and when all are over", () => {
  const { lines, tell } = setUp();
  for (const problems of [["a"], ["a", "b"], ["b"], [], []]) tell(problems);
  assert.deepEqual(lines, ["Other nodes: a", "Other nodes: b", "All is well again"]);
});

test("createProblemReporter() names some of many, and says how many more there are", () => {
  const { lines, tell } = setUp();
  tell(Array.from({ length: 5000 }, (_, index) => `problem ${index}`));
  assert.equal(lines.length, 11);
});

for (const { name, problems } of [
  { name: "another problem each time", problems: (turn: number) => [`problem ${turn}`] },
  { name: "a problem that comes and goes", problems: (turn: number) => (turn % 2 === 0 ? ["a"] : []) },
  {
    name: "many others each time",
    problems: (turn: number) => Array.from({ length: MANY }, (_, index) => `${turn} ${index}`),
  },
])
  test(`createProblemReporter() lets nobody fill the log: ${name}`, async () => {
    const { lines, clock, tell } = setUp();
    const runs = 20 * 3600;
    for (let turn = 0; turn < runs; turn++) {
      tell(problems(turn));
      await clock.advance(50);
    }
    assert.ok(lines.length <= (300 + 360) * 12, `${lines.length} lines in an hour`);
  });

test("createProblemReporter() tells later what came while too much was told, if it is still there", async () => {
  const { lines, clock, tell } = setUp();
  for (let turn = 0; turn < 1000; turn++) tell([`problem ${turn}`]);
  tell(["lasting"]);
  assert.ok(!lines.includes("Other nodes: lasting"));
  await clock.advance(30_000);
  tell(["lasting"]);
  assert.equal(lines.at(-1), "Other nodes: lasting");
});
