import type { Addon } from "../../native/addon.ts";
import { checked } from "../../native/system-error.ts";
import {
  AF_INET6,
  decodeSocketAddress,
  encodeSocketAddress,
  familyOfBytes,
  IPPROTO_IPV6,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOCKADDR_IN6_BYTES,
} from "../../native/socket/socket-address.ts";
import { addressFromBytes, addressToBytes } from "../../net/address.ts";
import type { ListenAddress } from "../../settings/schemas.ts";

/** sys/socket.h and linux/in6.h, the same on all architectures on which Node.js runs under Linux. */
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPV6_V6ONLY = 26;

/**
 * Connections that wait to be accepted. Few: who floods the port fills any number, and each that waits has to
 * be taken before those behind it.
 */
const BACKLOG = 64;

export interface TcpSocket {
  readonly fd: number;
  /** Also where 0 was asked for. */
  readonly port: number;
}

/** Listens, without blocking; :: is for both families. Throws `SystemError`, as EADDRINUSE. */
export function listenTcp(addon: Addon, { address, port }: ListenAddress): TcpSocket {
  const what = `listen on http ${address}:${port}`;
  const own = { address: addressToBytes(address), port };
  const family = familyOfBytes(own.address);
  const fd = checked(what, "socket", addon.socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
  try {
    checked(what, "setsockopt", addon.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    if (family === AF_INET6) checked(what, "setsockopt", addon.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    checked(what, "bind", addon.bind(fd, encodeSocketAddress(own)));
    checked(what, "listen", addon.listen(fd, BACKLOG));
    return { fd, port: endOf(fd, addon.ownAddress)?.port ?? port };
  } catch (error) {
    addon.close(fd);
    throw error;
  }
}

/** The address of one end of a connection; undefined when it has gone. IPv4 in IPv6 is IPv4. */
export function endOf(fd: number, ask: Addon["ownAddress"]): ListenAddress | undefined {
  const bytes = Buffer.alloc(SOCKADDR_IN6_BYTES);
  if (ask(fd, bytes) < 0) return undefined;
  const { address, port } = decodeSocketAddress(bytes);
  return { address: addressFromBytes(isMapped(address) ? address.subarray(12) : address), port };
}

/** ::ffff:0:0/96 of RFC 4291. */
function isMapped(address: Uint8Array): boolean {
  const isPrefix = (byte: number, index: number): boolean => byte === (index < 10 ? 0 : 0xff);
  return address.length === 16 && address.subarray(0, 12).every(isPrefix);
}
