import assert from "node:assert/strict";
import { test } from "node:test";
import { createRenewingEnd } from "./end-and-renew.ts";

const NOTHING = { ended: 0, released: 0, marked: 0 };

/** Gives what each run of these, one after the other, did to flows. */
function setUp(renewals: readonly ("fails" | "works")[] = []) {
  let renewed = 0;
  const end = createRenewingEnd(async () => {
    if (renewals[renewed++] === "fails") throw new Error("no renewal");
  });
  return async (counts: typeof NOTHING | undefined): Promise<string> => {
    const before = renewed;
    const walk = async (): Promise<typeof NOTHING> => {
      if (counts === undefined) throw new Error("no walk");
      return counts;
    };
    await end(walk).catch(() => undefined);
    return renewed > before ? "renewed" : "kept";
  };
}

test("flows are renewed when connections were ended, and stay when none was", async () => {
  const run = setUp();
  assert.equal(await run(NOTHING), "kept");
  assert.equal(await run({ ...NOTHING, ended: 1, marked: 1 }), "renewed");
  assert.equal(await run({ ...NOTHING, marked: 1 }), "kept");
  assert.equal(await run({ ...NOTHING, released: 1 }), "kept");
});

test("an agent that was killed after it had marked connections leaves them to the next one", async () => {
  const run = setUp();
  assert.equal(await run({ ...NOTHING, marked: 3 }), "renewed");
  assert.equal(await run({ ...NOTHING, marked: 3 }), "kept");
});

test("a renewal, or a walk, that failed is made up for, although nothing is left to mark", async () => {
  const run = setUp(["fails", "works"]);
  assert.equal(await run({ ...NOTHING, ended: 2, marked: 2 }), "renewed");
  assert.equal(await run({ ...NOTHING, marked: 2 }), "renewed");
  assert.equal(await run(undefined), "kept");
  assert.equal(await run({ ...NOTHING, marked: 2 }), "renewed");
});
