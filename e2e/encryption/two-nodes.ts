import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import { fileURLToPath } from "node:url";
import type { WireGuardEndpoint, WireGuardPeerPlan } from "../../agent/plan/encryption/wireguard.ts";
import type { Kernel } from "../../agent/kernel/kernel.ts";
import { openLinuxKernel } from "../../agent/kernel/linux-kernel.ts";
import { loadNative } from "../../agent/kernel/socket/native.ts";
import { systemClock } from "../../agent/lib/clock.ts";
import { cidr } from "../../agent/testing/cidr.ts";
import { makeNetns, type Netns, host } from "../../agent/testing/machine/netns.ts";
import { assertInsideTestNamespaces, privileged } from "../../agent/testing/runner/privileged.ts";

export const PLAN = { name: "cw-wg", mtu: 1420, port: 51_820, addresses: ["10.244.1.1", "fd00:1::1"] };
export const NEXT_PLAN = { name: "cw-wg2", mtu: 1420, port: 51_821, addresses: [] };
/** The same of the other node, and where both are on the network between them. */
const FAR_PLAN = { name: "cw-wg", mtu: 1420, port: 51_821, addresses: ["10.244.2.1", "fd00:2::1"] };
export const NEAR = { address: "192.0.2.10", port: 51_820 };
export const FAR = { address: "192.0.2.11", port: 51_821 };
export const ALL = { prune: true, verify: true };

export const native = loadNative();
const open = (): Kernel => openLinuxKernel(native, { after: systemClock.after, onError: assert.ifError });

export const key = (number: number): string => Buffer.alloc(32, `key ${number}`).toString("base64");

export function peer(change: Partial<WireGuardPeerPlan> = {}): WireGuardPeerPlan {
  return {
    publicKey: key(2),
    endpoint: FAR,
    allowedIps: [cidr("10.244.2.0/24"), cidr("fd00:2::/64")],
    ...change,
  };
}

export interface Connection {
  readonly near: WireGuardEndpoint;
  readonly far: WireGuardEndpoint;
}

/**
 * The host and another network namespace on a cable, for the tests of a file. Devices that they make are gone
 * after each.
 */
export function useTwoNodes() {
  assertInsideTestNamespaces();
  let kernel = open();
  let far: Netns | undefined;
  const farNode = (): Netns => far ?? assert.fail("the tests have not begun");
  const runFar = (command: string): Promise<string> => farNode().run("sh", "-ec", command);

  before(async () => {
    far = await makeNetns();
    await host(`ip link add up0 type veth peer name up0 netns ${far.pid}
      ip address add 192.0.2.10/24 dev up0; ip -6 address add 2001:db8::10/64 dev up0 nodad; ip link set up0 up`);
    await runFar(`ip link set lo up; ip address add 192.0.2.11/24 dev up0
      ip -6 address add 2001:db8::11/64 dev up0 nodad; ip link set up0 up`);
  });
  afterEach(async () => {
    for (const name of ["cw-wg", "cw-wg2"]) await kernel.wireguard.remove(name);
    await runFar("ip link del cw-wg || true");
    await host("ip route flush proto 99; ip -6 route flush proto 99; ip link del foreign || true");
  });
  after(async () => {
    kernel.close();
    await far?.remove();
  });

  /** Makes the other node's device with these peers, and gives its public key. */
  const ensureFar = async (peers: readonly (readonly [string, WireGuardPeerPlan])[]): Promise<string> => {
    const script = fileURLToPath(new URL("far-node.ts", import.meta.url));
    const program = [process.execPath, script, JSON.stringify(FAR_PLAN), JSON.stringify(peers)];
    const { exitCode, stdout, stderr } = await privileged({
      command: ["nsenter", `--net=${farNode().path}`, ...program],
      environment: Object.fromEntries(
        Object.entries(process.env).filter((entry): entry is [string, string] =>
          /^NODE_OPTIONS$|^CAUSEWAY/.test(entry[0]),
        ),
      ),
    });
    assert.equal(exitCode, 0, stderr);
    return stdout.trim();
  };
  return {
    kernel: (): Kernel => kernel,
    /** As an agent that starts again. */
    reopen(): void {
      kernel.close();
      kernel = open();
    },
    runFar,
    ensureFar,
    /** Both nodes, each a peer of the other; gives the key of the other. */
    async connect(endpoints: Connection = { near: NEAR, far: FAR }): Promise<string> {
      const { publicKey } = await kernel.wireguard.ensureDevice(PLAN);
      const allowedIps = [cidr("10.244.1.0/24"), cidr("fd00:1::/64")];
      const farKey = await ensureFar([["a", { publicKey, endpoint: endpoints.near, allowedIps }]]);
      const planned = new Map([["b", peer({ publicKey: farKey, endpoint: endpoints.far })]]);
      await kernel.wireguard.ensurePeers("cw-wg", planned, ALL);
      await host(
        "ip route add 10.244.2.0/24 dev cw-wg proto 99; ip -6 route add fd00:2::/64 dev cw-wg proto 99",
      );
      await runFar("ip route add 10.244.1.0/24 dev cw-wg; ip -6 route add fd00:1::/64 dev cw-wg");
      return farKey;
    },
  };
}
