import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "./log.ts";
import { assertHarmless, HOSTILE, suffixed } from "../testing/packets/hostile.ts";

const FIELDS = { error: "Cannot attach pod", pods: ["a/b"], peer: { name: "node-1" } };

function logged(logFormat: "json" | "pretty", suffix: string): string {
  let text = "";
  const { log } = createLog({ logLevel: "info", logFormat }, (bytes) => {
    text += Buffer.from(bytes).toString();
    return bytes.length;
  });
  log.warn({ ...suffixed(FIELDS, suffix), [`key${suffix}`]: 1 }, `message${suffix}`);
  return text;
}

for (const logFormat of ["json", "pretty"] as const) {
  test(`a ${logFormat} log lets no text from outside colour, move or forge a line`, () => {
    assertHarmless((suffix) => logged(logFormat, suffix));
  });
}

test("a json log keeps the meaning of hostile texts", () => {
  const { error, msg } = JSON.parse(logged("json", HOSTILE)) as { error: string; msg: string };
  assert.deepEqual([error, msg], [`${FIELDS.error}${HOSTILE}`, `message${HOSTILE}`]);
});
