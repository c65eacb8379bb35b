import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { COMMANDS_DOC, writeCommandsDoc } from "./commands.ts";

test("docs/commands.md is current; else run: npm run docs", () => {
  assert.equal(readFileSync(COMMANDS_DOC, "utf8"), writeCommandsDoc());
});
