import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeHostFilesInput } from "../testing/agent/host-files-input.ts";
import { createHostFileReconciler } from "./host-file-reconciler.ts";

test("a reconciler of host files reads them only when one was changed, deleted, or came", async () => {
  const folder = mkdtempSync(join(tmpdir(), "causeway-reconciler-"));
  const input = makeHostFilesInput(folder);
  try {
    const reconciler = createHostFileReconciler(input);
    const shim = join(input.cniBinDir, "causeway");
    const rest = async (): Promise<void> => {
      assert.deepEqual((await reconciler.ensure())?.written, []);
      assert.equal(await reconciler.ensure(), undefined);
    };
    assert.equal((await reconciler.ensure())?.written.length, 3);
    await rest();
    // As long as before: neither name nor size tells.
    writeFileSync(shim, "SHIM");
    assert.deepEqual((await reconciler.ensure())?.written, [shim]);
    assert.equal(readFileSync(shim, "utf8"), "shim");
    await rest();
    chmodSync(shim, 0o777);
    assert.deepEqual((await reconciler.ensure())?.written, [shim]);
    await rest();
    rmSync(shim);
    assert.deepEqual((await reconciler.ensure())?.written, [shim]);
    await rest();
    writeFileSync(join(input.cniConfDir, "05-other.conf"), "{}");
    assert.deepEqual((await reconciler.ensure())?.rivals, [join(input.cniConfDir, "05-other.conf")]);
    assert.equal(await reconciler.ensure(), undefined);
    let readings = 0;
    for (let look = 0; look < 60; look++) if ((await reconciler.ensure()) !== undefined) readings++;
    assert.equal(readings, 2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
