/**
 * What only WireGuard in the kernel can be asked for, as the agent uses it: its socket. Runs in guests whose
 * kernel has it (e2e/kernels).
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, afterEach, test } from "node:test";
import { openLinuxKernel } from "../../agent/kernel/linux-kernel.ts";
import { loadNative } from "../../agent/kernel/socket/native.ts";
import { WireGuardPortError } from "../../agent/kernel/wireguard/wireguard-kernel.ts";
import { systemClock } from "../../agent/lib/clock.ts";
import { host } from "../../agent/testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../../agent/testing/runner/privileged.ts";

assertInsideTestNamespaces();
const kernel = openLinuxKernel(loadNative(), { after: systemClock.after, onError: assert.ifError });

const PLAN = { name: "cw-wg", mtu: 1420, port: 51_820, addresses: ["10.244.1.1"] };

afterEach(() => kernel.wireguard.remove("cw-wg"));

after(() => kernel.close());

/** Another program's socket on a port, until the function that it gives is called. */
async function holdPort(port: number): Promise<() => Promise<void>> {
  const code = `require("node:dgram").createSocket("udp4").bind(${port}, () => console.log("bound"))`;
  const holder = spawn(process.execPath, ["--eval", code], { stdio: ["ignore", "pipe", "inherit"] });
  await once(createInterface(holder.stdout), "line");
  return async () => {
    const ended = once(holder, "exit");
    holder.kill();
    await ended;
  };
}

for (const { when, port, prepare } of [
  { when: "when the device is made", port: PLAN.port, prepare: undefined },
  { when: "while the device is down", port: PLAN.port, prepare: "ip link set cw-wg down" },
  { when: "that a device is to move to", port: 51_900, prepare: "ip link show cw-wg" },
]) {
  test(`ensureDevice() says that another program has the port ${when}, and works when it is free again`, async () => {
    const earlier = prepare === undefined ? undefined : await kernel.wireguard.ensureDevice(PLAN);
    if (prepare !== undefined) await host(prepare);
    const free = await holdPort(port);
    for (let attempt = 0; attempt < 2; attempt++)
      await assert.rejects(kernel.wireguard.ensureDevice({ ...PLAN, port }), (error) => {
        assert.ok(error instanceof WireGuardPortError);
        assert.equal(error.code, "WIREGUARD_PORT_IN_USE");
        assert.equal(error.message, `Cannot use WireGuard device "cw-wg": UDP port ${port} is in use`);
        return true;
      });
    await free();
    const { publicKey } = await kernel.wireguard.ensureDevice({ ...PLAN, port });
    if (earlier !== undefined) assert.equal(publicKey, earlier.publicKey, "the key stays");
    assert.deepEqual((await kernel.wireguard.ensureDevice({ ...PLAN, port })).changes, []);
    assert.match(await host("ip link show cw-wg"), /<[^>]*\bUP\b/);
    assert.equal((await kernel.wireguard.read("cw-wg"))?.port, port);
  });
}
