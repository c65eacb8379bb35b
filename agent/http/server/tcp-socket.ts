import { readU16, writeU16 } from "netlink/dist/structs.js";
import type { Addon } from "../../native/addon.ts";
import { checked } from "../../native/system-error.ts";
import { addressFromBytes, addressToBytes, familyOf } from "../../net/address.ts";
import type { ListenAddress } from "../../settings/schemas.ts";

/** sys/socket.h and netinet/in.h, the same on all architectures on which Node.js runs under Linux. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6). */
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

/**
 * Connections that wait to be accepted. Few: who floods the port fills any number, and each that waits has to be taken before those behind it.
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
  const family = familyOf(address) === 4 ? AF_INET : AF_INET6;
  const fd = checked(what, "socket", addon.socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
  try {
    checked(what, "setsockopt", addon.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    if (family === AF_INET6) checked(what, "setsockopt", addon.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    checked(what, "bind", addon.bind(fd, encodeAddress({ address, port })));
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
  const port = bytes.readUInt16BE(2);
  if (readU16.call(bytes, 0) === AF_INET) return { address: addressFromBytes(bytes.subarray(4, 8)), port };
  const address = bytes.subarray(8, 24);
  return { address: addressFromBytes(isMapped(address) ? address.subarray(12) : address), port };
}

/** ::ffff:0:0/96 of RFC 4291. */
function isMapped(address: Buffer): boolean {
  return address.readUInt16BE(10) === 0xffff && address.subarray(0, 10).every((byte) => byte === 0);
}

/** struct sockaddr_in or sockaddr_in6. */
function encodeAddress({ address, port }: ListenAddress): Buffer {
  const isIpv4 = familyOf(address) === 4;
  const bytes = Buffer.alloc(isIpv4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  writeU16.call(bytes, isIpv4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(addressToBytes(address), isIpv4 ? 4 : 8);
  return bytes;
}
