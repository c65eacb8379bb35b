import assert from "node:assert/strict";
import { after, test } from "node:test";
import { systemClock } from "../../lib/clock.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { openLinuxKernel } from "../linux-kernel.ts";
import { loadNative } from "../socket/native.ts";
import { WireGuardMissingError } from "./wireguard-kernel.ts";

assertInsideTestNamespaces();
const kernel = openLinuxKernel(loadNative(), { after: systemClock.after, onError: assert.ifError });
after(() => kernel.close());

const plan = { name: "cw-wg", mtu: 1440, port: 51_820, addresses: ["10.244.1.1"] };

// On a kernel that has WireGuard, the suite of kernels does the same with devices (docs/support.md).
const hasWireGuard = await kernel.wireguard.ensureDevice(plan).then(
  () => true,
  (error: unknown) => !(error instanceof WireGuardMissingError),
);

test("a kernel without WireGuard refuses the device by an error that names it", {
  skip: hasWireGuard,
}, async () => {
  await assert.rejects(kernel.wireguard.ensureDevice(plan), (error) => {
    assert.ok(error instanceof WireGuardMissingError);
    assert.equal(error.code, "WIREGUARD_MISSING");
    assert.match(
      error.message,
      /^Cannot create WireGuard device "cw-wg": Linux \S+ has no module wireguard \(CONFIG_WIREGUARD\), which is/,
    );
    return true;
  });
});

test("a kernel without WireGuard refuses peers, reads no device and has none to remove", {
  skip: hasWireGuard,
}, async () => {
  await assert.rejects(
    kernel.wireguard.ensurePeers("cw-wg", new Map(), { prune: true, verify: true }),
    WireGuardMissingError,
  );
  assert.equal(await kernel.wireguard.read("cw-wg"), undefined);
  assert.equal(await kernel.wireguard.remove("cw-wg"), false);
});
