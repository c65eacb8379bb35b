import { createSharedLock } from "../../lib/shared-lock.ts";
import { setPeers } from "../../netlink/wireguard/set-device.ts";
import type { WireGuardPeerPlan } from "../../plan/encryption/wireguard.ts";
import type { Change } from "../types.ts";
import { diffPeers, type SeenPeer } from "./diff-peers.ts";
import { ensureDevice, removeDevice, type WireGuardClients } from "./ensure-device.ts";
import { moveKey } from "./move-key.ts";
import { readDevice, requireFamily } from "./read-device.ts";
import type { WireGuardKernel, WireGuardPeersOptions } from "./wireguard-kernel.ts";

type PeersByKey = ReadonlyMap<string, SeenPeer>;

/** `nowSeconds`: Unix time. */
export function createWireGuardKernel(clients: WireGuardClients, nowSeconds: () => number): WireGuardKernel {
  const { rtnetlink, generic } = clients;
  /** Peers by device and public key, as last seen or made; none of a device that must be read. */
  const known = new Map<string, PeersByKey>();
  /** The same as they were made last, with the endpoints that they were given. */
  const given = new Map<string, ReadonlyMap<string, WireGuardPeerPlan>>();
  const indices = new Map<string, number>();
  const { exclusive: inTurn } = createSharedLock();

  const readPeers = async (name: string): Promise<PeersByKey> => {
    const state = await readDevice(generic, name);
    if (state === undefined)
      throw new Error(`Cannot change peers of WireGuard device "${name}": it is missing`);
    return new Map(state.peers.map((peer) => [peer.publicKey, peer]));
  };

  const ensurePeers = async (
    name: string,
    planned: ReadonlyMap<string, WireGuardPeerPlan>,
    { prune, verify, callsNew = false }: WireGuardPeersOptions,
  ): Promise<readonly Change[]> => {
    const family = await requireFamily(generic, `change peers of WireGuard device "${name}"`);
    const before = (verify ? undefined : known.get(name)) ?? (await readPeers(name));
    const { changes, faults } = diffPeers({
      name,
      planned,
      seen: before,
      given: given.get(name) ?? new Map(),
      prune,
      callsNew,
      nowSeconds: nowSeconds(),
    });
    // Until all has gone well nothing is known.
    known.delete(name);
    if (changes.length > 0) await generic.execute([{ requests: setPeers({ family, name }, changes) }]);
    const made = new Map(Array.from(planned.values(), (peer) => [peer.publicKey, peer]));
    known.set(name, prune ? made : new Map<string, SeenPeer>([...before, ...made]));
    given.set(name, made);
    return faults.map((fault) => ({ kind: "encryption peer", fault }));
  };

  return {
    ensureDevice: (plan) =>
      inTurn(async () => {
        const { isNew, ...ensured } = await ensureDevice(clients, plan);
        if (isNew) known.delete(plan.name);
        indices.set(plan.name, ensured.index);
        return ensured;
      }),
    ensurePeers: (name, peers, options) => inTurn(() => ensurePeers(name, new Map(peers), options)),
    moveKey: (from, to) => inTurn(() => moveKey(clients, { from, to })),
    read: (name) => inTurn(() => readDevice(generic, name)),
    remove: (name) =>
      inTurn(() => {
        known.delete(name);
        indices.delete(name);
        return removeDevice(rtnetlink, name);
      }),
    hasDevice: (linkIndex) => [...indices.values()].includes(linkIndex),
  };
}
