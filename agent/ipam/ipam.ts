import type { Family } from "../net/address.ts";
import { type Cidr, formatCidr } from "../net/cidr.ts";
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
  | { readonly outcome: "no pool" };

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
   * Sets the PodCIDRs that new pods get addresses from. Pools of other PodCIDRs stay while an address of theirs is taken, so
   * that attachments from before a re-created Node live on.
   */
  setPodCidrs(podCidrs: readonly Cidr[]): void;
  /** Makes a pool for a former PodCIDR of which a restart found the gateway, so that its attachments can be claimed. */
  addFormerCidr(cidr: Cidr): void;
  reserve(): Reservation;
  /** Takes addresses that exist in the kernel; those outside every pool are remembered by nobody and need not be. */
  claim(addresses: readonly string[]): void;
  release(addresses: readonly string[], nowMs: number): void;
  /** To be called once all attachments of a restart are claimed. */
  resume(): void;
  /** PodCIDRs that new pods no longer get addresses from, with pods that still have one. */
  formerCidrs(): readonly Cidr[];
  use(nowMs: number): readonly PoolUse[];
}

export function createIpam(): Ipam {
  let current: readonly AddressPool[] = [];
  /** Pools of former PodCIDRs. */
  let former: readonly AddressPool[] = [];

  const all = (): readonly AddressPool[] => [...current, ...former];
  const reserveOf = (family: Family): PodAddress | undefined => {
    for (const pool of current) {
      if (pool.cidr.family !== family) continue;
      const address = pool.allocate();
      if (address !== undefined) return { family, address, gateway: pool.gateway };
    }
    return undefined;
  };

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
    reserve() {
      // The order of the PodCIDRs decides which family is the pod's first.
      const families = [...new Set(current.map((pool) => pool.cidr.family))];
      if (families.length === 0) return { outcome: "no pool" };
      const addresses: PodAddress[] = [];
      for (const family of families) {
        const address = reserveOf(family);
        if (address === undefined) {
          for (const reserved of addresses) for (const pool of current) pool.release(reserved.address, 0);
          const pools = current.filter((pool) => pool.cidr.family === family).map((pool) => useOf(pool, 0));
          return { outcome: "exhausted", family, pools };
        }
        addresses.push(address);
      }
      return { outcome: "reserved", addresses };
    },
    claim(addresses) {
      for (const address of addresses) for (const pool of all()) pool.claim(address);
    },
    release(addresses, nowMs) {
      for (const address of addresses) for (const pool of all()) pool.release(address, nowMs);
      former = former.filter((pool) => pool.taken() > 0);
    },
    resume() {
      for (const pool of all()) pool.resume();
      former = former.filter((pool) => pool.taken() > 0);
    },
    formerCidrs: () => former.map((pool) => pool.cidr),
    use: (nowMs) => all().map((pool) => useOf(pool, nowMs)),
  };
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
