import assert from "node:assert/strict";
import { test } from "node:test";
import { errorLines } from "./end-of-test.ts";

test("errorLines() finds errors in both forms of the agent's log, and nothing else", () => {
  const error =
    '2026-01-02T03:04:05.678Z ERROR Cannot bring the node into its planned state error="no ERROR here"';
  const json = '{"level":"error","time":"2026-01-02T03:04:05.678Z","error":"x","msg":"Cannot start"}';
  const fine = [
    '2026-01-02T03:04:05.678Z WARN Repaired drift fault="an ERROR elsewhere"',
    '{"level":"warn","msg":"ERROR"}',
    "",
  ];
  assert.deepEqual(errorLines([error, ...fine, json].join("\n")), [error, json]);
});
