/**
 * Encryption by the kernel's own WireGuard: three nodes whose agents encrypt, and devices, keys and peers as
 * the agent configures them, with packets of two network namespaces.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { runKernelTestFile } from "../../../agent/testing/runner/kernel-test-file.ts";
import { createEncryptedLab } from "../../encryption/encrypted-lab.ts";
import { testEncryption } from "../../encryption/encryption-tests.ts";
import { testRekey } from "../../encryption/rekey-tests.ts";
import { testRotation } from "../../encryption/rotation-tests.ts";

const lab = await createEncryptedLab();
after(() => lab.close());

testEncryption(() => lab);
testRekey(() => lab);
testRotation(() => lab);

for (const file of ["devices", "kernel"])
  test(`WireGuard of this kernel does what e2e/encryption/${file}.netns.test.ts asks`, async () => {
    const { output, exitCode } = await runKernelTestFile(`e2e/encryption/${file}.netns.test.ts`, ["--net"]);
    process.stdout.write(output);
    assert.equal(exitCode, 0);
    assert.match(output, /^ℹ skipped 0$/m);
  });
