import { addressToBytes } from "../../../net/address.ts";
import { macToBytes } from "../../../net/mac.ts";
import { join, u16, u32 } from "./bytes.ts";
import { icmp } from "./ip.ts";

/** Neighbour discovery is believed only from the same link (RFC 4861). */
const HOP_LIMIT = 255;

export const ALL_NODES = "ff02::1";

/** An option with a link-layer address: 1 of the source, 2 of the target. */
function linkLayer(type: 1 | 2, mac: string): Uint8Array {
  return join(Uint8Array.of(type, 1), macToBytes(mac));
}

export interface Advertisement {
  /** Link-local address of the router. */
  readonly source: string;
  readonly mac: string;
  /** Of which addresses shall be made: a /64. */
  readonly prefix?: string;
  /** Of which a route shall be made (RFC 4191): a /64. */
  readonly route?: string;
}

/** A router advertisement with router preference high (RFC 4191), to all nodes. */
export function routerAdvertisement({ source, mac, prefix, route }: Advertisement): Uint8Array {
  const high = 0x08;
  const prefixOption =
    prefix === undefined
      ? new Uint8Array()
      : join(Uint8Array.of(3, 4, 64, 0xc0), u32(86_400), u32(14_400), u32(0), addressToBytes(prefix));
  const routeOption =
    route === undefined
      ? new Uint8Array()
      : join(Uint8Array.of(24, 2, 64, high), u32(86_400), addressToBytes(route).subarray(0, 8));
  const body = join(
    Uint8Array.of(64, high),
    u16(1800),
    u32(0),
    u32(0),
    linkLayer(1, mac),
    prefixOption,
    routeOption,
  );
  return icmp({ source, destination: ALL_NODES, ttl: HOP_LIMIT }, { type: 134, body });
}

export interface Claim {
  readonly address: string;
  readonly mac: string;
  readonly destination?: string;
}

/** An unsolicited neighbour advertisement that overrides: "I have this address". */
export function neighbourAdvertisement({ address, mac, destination = ALL_NODES }: Claim): Uint8Array {
  const override = 0x2000_0000;
  const body = join(u32(override), addressToBytes(address), linkLayer(2, mac));
  return icmp({ source: address, destination, ttl: HOP_LIMIT }, { type: 136, body });
}

/** A neighbour solicitation, from which the receiver learns its sender. */
export function neighbourSolicitation(source: string, mac: string, target: string): Uint8Array {
  const body = join(u32(0), addressToBytes(target), linkLayer(1, mac));
  return icmp({ source, destination: target, ttl: HOP_LIMIT }, { type: 135, body });
}

export interface Redirect {
  /** The router that is believed, and the host that shall believe it. */
  readonly source: string;
  readonly victim: string;
  /** What is to be reached, and through whom from now on. */
  readonly target: string;
  readonly gateway: string;
  /** The packet that caused it. */
  readonly cause: Uint8Array;
}

/** A redirect of IPv4 (RFC 792) or IPv6 (RFC 4861 section 4.5). */
export function redirect({ source, victim, target, gateway, cause }: Redirect): Uint8Array {
  const ends = { source, destination: victim };
  if (!target.includes(":")) {
    return icmp(ends, { type: 5, code: 1, body: join(addressToBytes(gateway), cause) });
  }
  const padding = new Uint8Array((8 - (cause.length % 8)) % 8);
  const quoted = join(
    Uint8Array.of(4, 1 + (cause.length + padding.length) / 8, 0, 0, 0, 0, 0, 0),
    cause,
    padding,
  );
  const body = join(u32(0), addressToBytes(gateway), addressToBytes(target), quoted);
  return icmp({ ...ends, ttl: HOP_LIMIT }, { type: 137, body });
}
