import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import { GROUPS, LEFT_OUT } from "./kernel-test-files.ts";

test("each file of kernel tests runs in guests, or says why it does not", () => {
  const ending = ".netns.test.ts";
  const files = globSync(`**/*${ending}`, { cwd: join(REPOSITORY, "agent") }).map((path) =>
    path.slice(0, -ending.length),
  );
  const listed = Object.values(GROUPS).flat();
  assert.deepEqual(
    listed.filter((file) => !files.includes(file)),
    [],
  );
  const reasons = Object.keys(LEFT_OUT);
  const covers = (reason: string, file: string): boolean =>
    reason.endsWith("/") ? file.startsWith(reason) : file === reason;
  assert.deepEqual(
    files.filter((file) => !listed.includes(file) && !reasons.some((reason) => covers(reason, file))),
    [],
  );
  assert.deepEqual(
    reasons.filter((reason) => !files.some((file) => covers(reason, file) && !listed.includes(file))),
    [],
  );
});
