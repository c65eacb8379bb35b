import { endianness } from "node:os";

/** sys/socket.h, the same on all architectures on which Node.js runs under Linux. */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;

/** netinet/in.h */
export const IPPROTO_IP = 0;
export const IPPROTO_IPV6 = 41;

/** sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6). */
const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_IN6_BYTES = 28;

const isLittleEndian = endianness() === "LE";

/** Bytes of an address, 4 or 16, in network order, with a port. */
export interface SocketAddress {
  readonly address: Uint8Array;
  readonly port: number;
}

/** The family that an address of so many bytes is of. */
export function familyOfBytes(address: Uint8Array): number {
  return address.length === 4 ? AF_INET : AF_INET6;
}

/** struct sockaddr_in or sockaddr_in6. */
export function encodeSocketAddress({ address, port }: SocketAddress): Buffer {
  const family = familyOfBytes(address);
  const bytes = Buffer.alloc(family === AF_INET ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  writeFamily(bytes, family);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address, addressOffset(family));
  return bytes;
}

/** The same read: of a struct sockaddr_in or sockaddr_in6 in its place at the beginning of `bytes`. */
export function decodeSocketAddress(bytes: Buffer): SocketAddress {
  const family = isLittleEndian ? bytes.readUInt16LE(0) : bytes.readUInt16BE(0);
  const offset = addressOffset(family);
  const address = bytes.subarray(offset, offset + (family === AF_INET ? 4 : 16));
  return { address, port: bytes.readUInt16BE(2) };
}

/** sa_family_t, which every struct sockaddr begins with, in the machine's byte order. */
export function writeFamily(bytes: Buffer, family: number): void {
  if (isLittleEndian) bytes.writeUInt16LE(family, 0);
  else bytes.writeUInt16BE(family, 0);
}

/** Behind the port; and in IPv6 behind the flow label. */
function addressOffset(family: number): number {
  return family === AF_INET ? 4 : 8;
}
