import { createHash } from "node:crypto";
import {
  type WireGuardKernel,
  WireGuardMissingError,
  WireGuardPortError,
} from "../../kernel/wireguard/wireguard-kernel.ts";
import type { WireGuardDevicePlan, WireGuardPeerPlan } from "../../plan/encryption/wireguard.ts";

interface Device {
  readonly plan: WireGuardDevicePlan;
  readonly publicKey: string;
  readonly index: number;
  peers: ReadonlyMap<string, WireGuardPeerPlan>;
}

/** WireGuard devices in memory. */
export interface FakeWireGuard extends WireGuardKernel {
  /** Whether the kernel has WireGuard. */
  isThere: boolean;
  /** Whether another program has every port. */
  isPortTaken: boolean;
  readonly devices: Map<string, Device>;
}

/** A key that looks like one, the same for the same text. */
export function fakeKey(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}

export function createFakeWireGuard(): FakeWireGuard {
  let made = 0;
  const devices = new Map<string, Device>();
  const fake: FakeWireGuard = {
    isThere: true,
    isPortTaken: false,
    devices,
    ensureDevice(plan) {
      if (!fake.isThere)
        return Promise.reject(new WireGuardMissingError(`create WireGuard device "${plan.name}"`));
      if (fake.isPortTaken) return Promise.reject(new WireGuardPortError(plan.name, plan.port));
      const known = devices.get(plan.name);
      made += known === undefined ? 1 : 0;
      const { publicKey, index, peers } = known ?? {
        publicKey: fakeKey(`device ${made}`),
        index: 100 + made,
        peers: new Map(),
      };
      devices.set(plan.name, { plan, publicKey, index, peers });
      return Promise.resolve({ publicKey, index, changes: [] });
    },
    ensurePeers(name, peers, { prune }) {
      const device = devices.get(name);
      if (device === undefined) return Promise.reject(new Error(`WireGuard device "${name}" is missing`));
      device.peers = new Map([...(prune ? [] : device.peers), ...peers]);
      return Promise.resolve([]);
    },
    read(name) {
      const device = devices.get(name);
      return Promise.resolve(
        device && {
          publicKey: device.publicKey,
          port: device.plan.port,
          peers: [...device.peers.values()].map(({ publicKey, endpoint, allowedIps }) => {
            return { publicKey, endpoint, allowedIps, lastHandshake: 0, receivedBytes: 0, sentBytes: 0 };
          }),
        },
      );
    },
    remove: (name) => Promise.resolve(devices.delete(name)),
    hasDevice: (linkIndex) => [...devices.values()].some(({ index }) => index === linkIndex),
  };
  return fake;
}
