import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBridgeAlias, parseBridgeAlias } from "./bridge-alias.ts";

for (const { lastGiven, alias } of [
  { lastGiven: [], alias: "causeway bridge" },
  { lastGiven: ["10.244.1.7", "fd00:1::7"], alias: "causeway bridge 10.244.1.7,fd00:1::7" },
]) {
  test(`formatBridgeAlias() is "${alias}", and read back`, () => {
    assert.equal(formatBridgeAlias(lastGiven), alias);
    assert.deepEqual(parseBridgeAlias(alias), lastGiven);
  });
}

test("parseBridgeAlias() takes nothing from what somebody else wrote", () => {
  assert.deepEqual(parseBridgeAlias("causeway bridge 10.244.1.7,7,x"), ["10.244.1.7"]);
  assert.deepEqual(parseBridgeAlias("office bridge 10.244.1.7"), []);
});
