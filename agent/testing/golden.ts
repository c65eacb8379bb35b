import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

/**
 * Compares text that leaves the process with its golden file. With UPDATE_GOLDEN=1 the file is written
 * instead, to be read and committed like code.
 */
export function assertGolden(actual: string, file: URL): void {
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, actual);
  assert.ok(
    existsSync(file),
    `no golden file ${file.pathname}: run the test with UPDATE_GOLDEN=1 and read what it writes`,
  );
  assert.equal(actual, readFileSync(file, "utf8"));
}
