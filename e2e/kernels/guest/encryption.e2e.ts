/**
 * Encryption by the kernel's own WireGuard: three nodes whose agents encrypt, and devices, keys and peers as
 * the agent configures them, with packets of two network namespaces. What agents do about rotations that are
 * disturbed is the same on every kernel (e2e/encryption/nodes.e2e.ts).
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { runKernelTestFile } from "../../../agent/testing/runner/kernel-test-file.ts";
import { createEncryptedLab } from "../../encryption/encrypted-lab.ts";
import { testEncryption } from "../../encryption/encryption-tests.ts";
import { testDamagedDevice } from "../../encryption/fault-tests.ts";
import { testRekey } from "../../encryption/rekey-tests.ts";
import { testRotationUnderLoad } from "../../encryption/rotation-tests.ts";

const lab = await createEncryptedLab();
after(() => lab.close());

testEncryption(() => lab);
testRotationUnderLoad(() => lab);
testDamagedDevice(() => lab);
testRekey(() => lab);

for (const file of ["devices", "by-hand", "kernel"])
  test(`WireGuard of this kernel does what e2e/encryption/${file}.netns.test.ts asks`, async () => {
    const { output, exitCode } = await runKernelTestFile(`e2e/encryption/${file}.netns.test.ts`, ["--net"]);
    process.stdout.write(output);
    assert.equal(exitCode, 0);
    assert.match(output, /^ℹ skipped 0$/m);
  });
