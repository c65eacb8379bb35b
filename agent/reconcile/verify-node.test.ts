import assert from "node:assert/strict";
import { test } from "node:test";
import { type VerifyNodeInput, verifyNode } from "./verify-node.ts";

function verify(parts: Partial<VerifyNodeInput>): Promise<readonly string[]> {
  return verifyNode({
    kernel: { checkRuleset: () => Promise.resolve([]) },
    run: () => Promise.resolve(),
    onRepair: () => () => undefined,
    reasons: () => [],
    ...parts,
  });
}

test("verifyNode() tells of what is in nft's tables, of what a run puts back and only while it runs, and of what is not ready", async () => {
  let hear: ((kind: string, fault: string) => void) | undefined;
  const asked: unknown[] = [];
  const faults = await verify({
    kernel: {
      checkRuleset(options) {
        asked.push(options);
        return Promise.resolve(["table inet causeway is missing"]);
      },
    },
    run() {
      hear?.("route", "10.244.2.0/24 is missing");
      return Promise.resolve();
    },
    onRepair(listener) {
      hear = listener;
      return () => (hear = undefined);
    },
    reasons: () => [{ part: "socket", reason: "in use" }],
  });
  assert.deepEqual(faults, [
    "table inet causeway is missing",
    "route: 10.244.2.0/24 is missing",
    "socket is not ready: in use",
  ]);
  assert.deepEqual(asked, [{ afresh: true }]);
  assert.equal(hear, undefined);
});

test("verifyNode() tells of a run that fails", async () => {
  assert.deepEqual(await verify({ run: () => Promise.reject(new Error("no bridge")) }), ["no bridge"]);
  assert.deepEqual(await verify({}), []);
});
