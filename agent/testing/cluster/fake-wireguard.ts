import { createHash } from "node:crypto";
import {
  type WireGuardKernel,
  WireGuardMissingError,
  WireGuardPortError,
} from "../../kernel/wireguard/wireguard-kernel.ts";
import {
  allowedIpsOf,
  type WireGuardDevicePlan,
  type WireGuardEndpoint,
  type WireGuardPeerPlan,
  type WireGuardPeerState,
} from "../../plan/encryption/wireguard.ts";

interface Device {
  readonly plan: WireGuardDevicePlan;
  publicKey: string;
  bornMs: number;
  readonly index: number;
  peers: ReadonlyMap<string, WireGuardPeerPlan>;
  /** When and where peers have answered, by public key. */
  readonly handshakes: Map<string, { readonly seconds: number; readonly endpoint?: WireGuardEndpoint }>;
  /** By public key. */
  readonly sentBytes: Map<string, number>;
}

/** WireGuard devices in memory. */
export interface FakeWireGuard extends WireGuardKernel {
  /** Whether the kernel has WireGuard. */
  isThere: boolean;
  /** Whether another program has every port. */
  isPortTaken: boolean;
  readonly devices: Map<string, Device>;
  /** Names of nodes that were called when their peers came. */
  readonly called: string[];
}

/** A key that looks like one, the same for the same text. */
export function fakeKey(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}

const missing = (name: string): Error => new Error(`WireGuard device "${name}" is missing`);

export function createFakeWireGuard(nowMs: () => number): FakeWireGuard {
  let made = 0;
  const devices = new Map<string, Device>();
  const create = (plan: WireGuardDevicePlan): Device => {
    made++;
    const publicKey = fakeKey(`device ${made}`);
    const known = { peers: new Map(), handshakes: new Map(), sentBytes: new Map() };
    return { plan, publicKey, bornMs: nowMs(), index: 100 + made, ...known };
  };
  const fake: FakeWireGuard = {
    isThere: true,
    isPortTaken: false,
    devices,
    called: [],
    ensureDevice(plan) {
      if (!fake.isThere)
        return Promise.reject(new WireGuardMissingError(`create WireGuard device "${plan.name}"`));
      const isOthers = [...devices.values()].some(
        ({ plan: { name, port } }) => name !== plan.name && port === plan.port,
      );
      if (fake.isPortTaken || isOthers) return Promise.reject(new WireGuardPortError(plan.name, plan.port));
      const device = { ...(devices.get(plan.name) ?? create(plan)), plan };
      devices.set(plan.name, device);
      const { publicKey, index, bornMs } = device;
      return Promise.resolve({ publicKey, index, keyAgeMs: nowMs() - bornMs, changes: [] });
    },
    ensurePeers(name, peers, { prune, callsNew = false }) {
      const device = devices.get(name);
      if (device === undefined) return Promise.reject(missing(name));
      const known = new Set([...device.peers.values()].map(({ publicKey }) => publicKey));
      const come = [...peers].filter(([, { publicKey }]) => callsNew && !known.has(publicKey));
      fake.called.push(...come.map(([node]) => node));
      device.peers = new Map([...(prune ? [] : device.peers), ...peers]);
      return Promise.resolve([]);
    },
    moveKey(from, to) {
      const [source, target] = [devices.get(from), devices.get(to)];
      if (source === undefined || target === undefined) return Promise.reject(missing(from));
      target.publicKey = source.publicKey;
      target.bornMs = source.bornMs;
      return Promise.resolve(target.publicKey);
    },
    read(name) {
      const device = devices.get(name);
      return Promise.resolve(
        device && {
          publicKey: device.publicKey,
          port: device.plan.port,
          fwmark: 0,
          peers: [...device.peers.values()].map((peer) => describePeer(peer, device)),
        },
      );
    },
    remove: (name) => Promise.resolve(devices.delete(name)),
    hasDevice: (linkIndex) => [...devices.values()].some(({ index }) => index === linkIndex),
  };
  return fake;
}

function describePeer(peer: WireGuardPeerPlan, { handshakes, sentBytes }: Device): WireGuardPeerState {
  const { publicKey, endpoint } = peer;
  const seen = handshakes.get(publicKey);
  return {
    publicKey,
    endpoint: seen?.endpoint ?? endpoint,
    allowedIps: allowedIpsOf(peer),
    lastHandshake: seen?.seconds ?? 0,
    receivedBytes: 0,
    sentBytes: sentBytes.get(publicKey) ?? 0,
  };
}
