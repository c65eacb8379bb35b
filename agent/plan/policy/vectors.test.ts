import assert from "node:assert/strict";
import { test } from "node:test";
import { endsOf, engineOf, isAsked, readVectors, type Vector } from "../../testing/policy/vectors.ts";
import { isThorough } from "../../testing/thorough.ts";
import { evaluateDirection } from "./evaluate/evaluate.ts";
import { DIRECTIONS, type Direction } from "./model.ts";
import type { PolicyEngine } from "./state/policy-engine.ts";

/** The strings of the table for one direction, and how many verdicts they hold. */
function judge({ table }: PolicyEngine, vector: Vector, direction: Direction): number {
  const ends = endsOf(vector);
  let verdicts = 0;
  for (const [index, [protocol, port]] of vector.ports.entries()) {
    let text = "";
    for (const [from, source] of ends.entries())
      for (const [to, destination] of ends.entries()) {
        const asked = isAsked(vector, from, to);
        if (asked) verdicts += 1;
        const judgement =
          asked && evaluateDirection(table, { source, destination, protocol, port }, direction);
        text += judgement === false ? "." : judgement.passes ? "1" : "0";
      }
    assert.equal(text, vector[direction][index], `${direction} ${protocol} ${port}`);
  }
  return verdicts;
}

/**
 * Unit tests, which must be quick, take each tenth random cluster. The kernel has verdicts of its own
 * (kernel/policy/vectors.netns.test.ts).
 */
const STEP = isThorough ? 1 : 10;

for (const { file, step, least } of [
  { file: "random.jsonl.gz", step: STEP, least: 1_000_000 },
  { file: "scenarios.jsonl.gz", step: 1, least: 100_000 },
])
  test(`the table judges as the truth tables of ${file} do`, () => {
    let verdicts = 0;
    for (const vector of readVectors(file).filter((_vector, index) => index % step === 0)) {
      const engine = engineOf(vector);
      for (const direction of DIRECTIONS) verdicts += judge(engine, vector, direction);
    }
    assert.ok(verdicts > (0.9 * least) / step, `${verdicts} verdicts`);
  });
