import type { Family } from "../net/address.ts";
import { type Cidr, cidrContains, formatCidr } from "../net/cidr.ts";
import { type AddressPool, createAddressPool } from "./address-pool.ts";

/** An address reserved for a pod, with the gateway of the PodCIDR that it comes from. */
export interface PodAddress {
  readonly family: Family;
  readonly address: string;
  readonly gateway: string;
}

export type Reservation =
  | { readonly outcome: "reserved"; readonly addresses: readonly PodAddress[] }
  /** `pools` names every pool of the family that has no address left, with its counts. */
  | { readonly outcome: "exhausted"; readonly family: Family; readonly pools: readonly PoolUse[] }
  /** The node has no PodCIDR yet. */
  | { readonly outcome: "no pool" }
  /** An address that was asked for belongs to another pod, or to the node. */
  | { readonly outcome: "taken"; readonly address: string }
  /** An address that was asked for is in no PodCIDR of the node. */
  | { readonly outcome: "outside"; readonly address: string; readonly podCidrs: readonly Cidr[] };

export interface PoolUse {
  readonly cidr: string;
  readonly family: Family;
  readonly size: number;
  readonly taken: number;
  readonly cooling: number;
}

/** All addresses of this node. One address of each family per attachment. */
export interface Ipam {
  /**
   * Sets the PodCIDRs that new pods get addresses from. Pools of other PodCIDRs stay while an address of
   * theirs is taken, so that attachments from before a re-created Node live on.
   */
  setPodCidrs(podCidrs: readonly Cidr[]): void;
  /**
   * Makes a pool for a former PodCIDR of which a restart found the gateway, so that its attachments can be
   * claimed.
   */
  addFormerCidr(cidr: Cidr): void;
  /** Takes one address of each family of the PodCIDRs: the requested one, or any. */
  reserve(requested?: ReadonlyMap<Family, string>): Reservation;
  /** Gateway of the PodCIDR that an address comes from, current or former. */
  gatewayOf(address: string): string | undefined;
  /**
   * Takes addresses that exist in the kernel; those outside every pool are remembered by nobody and need not
   * be.
   */
  claim(addresses: readonly string[]): void;
  release(addresses: readonly string[], nowMs: number): void;
  /**
   * To be called once all attachments of a restart are claimed, with the addresses that were last given
   * before it.
   */
  resume(lastGiven?: readonly string[]): void;
  /** The address that each PodCIDR last gave. */
  lastGiven(): readonly string[];
  /** PodCIDRs that new pods no longer get addresses from, with pods that still have one. */
  formerCidrs(): readonly Cidr[];
  use(nowMs: number): readonly PoolUse[];
}

export function createIpam(): Ipam {
  let current: readonly AddressPool[] = [];
  /** Pools of former PodCIDRs. */
  let former: readonly AddressPool[] = [];

  const all = (): readonly AddressPool[] => [...current, ...former];

  return {
    setPodCidrs(podCidrs) {
      const known = new Map(all().map((pool) => [formatCidr(pool.cidr), pool]));
      current = podCidrs.map((cidr) => known.get(formatCidr(cidr)) ?? createAddressPool(cidr));
      former = [...known.values()].filter((pool) => !current.includes(pool) && pool.taken() > 0);
    },
    addFormerCidr(cidr) {
      if (all().every((pool) => formatCidr(pool.cidr) !== formatCidr(cidr)))
        former = [...former, createAddressPool(cidr)];
    },
    reserve(requested = new Map()) {
      // The order of the PodCIDRs decides which family is the pod's first; one of another family is refused
      // below.
      const families = new Set([...current.map((pool) => pool.cidr.family), ...requested.keys()]);
      if (current.length === 0) return { outcome: "no pool" };
      const addresses: PodAddress[] = [];
      for (const family of families) {
        const wanted = requested.get(family);
        const reservation =
          wanted === undefined ? reserveAny(current, family) : reserveRequested(current, wanted);
        if (reservation.outcome !== "reserved") {
          for (const { address } of addresses) for (const pool of current) pool.release(address, 0);
          return reservation;
        }
        addresses.push(...reservation.addresses);
      }
      return { outcome: "reserved", addresses };
    },
    gatewayOf: (address) => all().find(({ cidr }) => cidrContains(cidr, address))?.gateway,
    claim(addresses) {
      for (const address of addresses) for (const pool of all()) pool.claim(address);
    },
    release(addresses, nowMs) {
      for (const address of addresses) for (const pool of all()) pool.release(address, nowMs);
      former = former.filter((pool) => pool.taken() > 0);
    },
    resume(lastGiven = []) {
      for (const pool of all()) pool.resume(lastGiven.find((address) => cidrContains(pool.cidr, address)));
      former = former.filter((pool) => pool.taken() > 0);
    },
    lastGiven: () => current.map((pool) => pool.lastGiven()).filter((address) => address !== undefined),
    formerCidrs: () => former.map((pool) => pool.cidr),
    use: (nowMs) => all().map((pool) => useOf(pool, nowMs)),
  };
}

function reserveAny(pools: readonly AddressPool[], family: Family): Reservation {
  const ofFamily = pools.filter((pool) => pool.cidr.family === family);
  for (const pool of ofFamily) {
    const address = pool.allocate();
    if (address !== undefined) return reserved(address, pool);
  }
  return { outcome: "exhausted", family, pools: ofFamily.map((pool) => useOf(pool, 0)) };
}

function reserveRequested(pools: readonly AddressPool[], address: string): Reservation {
  const pool = pools.find(({ cidr }) => cidrContains(cidr, address));
  if (pool === undefined) return { outcome: "outside", address, podCidrs: pools.map(({ cidr }) => cidr) };
  return pool.claim(address) ? reserved(address, pool) : { outcome: "taken", address };
}

function useOf(pool: AddressPool, nowMs: number): PoolUse {
  const { cidr, size } = pool;
  return {
    cidr: formatCidr(cidr),
    family: cidr.family,
    size,
    taken: pool.taken(),
    cooling: pool.cooling(nowMs),
  };
}

function reserved(address: string, { cidr, gateway }: AddressPool): Reservation {
  return { outcome: "reserved", addresses: [{ family: cidr.family, address, gateway }] };
}
