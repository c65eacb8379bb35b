import { type Family, familyOf } from "../../net/address.ts";
import { hasFamily, type HostPort, isAnyAddress } from "../pods/host-ports.ts";

/** An address and port on which a program of the node takes what comes. */
export interface NodeListener {
  /**
   * Canonical; "0.0.0.0" is all of IPv4, "::" all of both families unless the program has chosen otherwise.
   */
  readonly address: string;
  readonly port: number;
}

/** Never led to a pod: see the set of addresses that host ports leave alone (ruleset.ts). */
const IPV6_LOOPBACK = "::1";

/**
 * The first listener of the node that a host port of the same protocol would hide; undefined: there is none.
 */
export function findHidden(
  hostPort: HostPort,
  listeners: readonly NodeListener[],
  podFamilies: readonly Family[],
): NodeListener | undefined {
  const families = podFamilies.filter((family) => hasFamily(hostPort, family));
  return listeners.find(({ address, port }) => {
    if (port !== hostPort.hostPort || address === IPV6_LOOPBACK) return false;
    const isHit = (family: Family): boolean => {
      if (address === "::") return true;
      if (familyOf(address) !== family) return false;
      return isAnyAddress(address) || isAnyAddress(hostPort.hostIp) || address === hostPort.hostIp;
    };
    return families.some(isHit);
  });
}
