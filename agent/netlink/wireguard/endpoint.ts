import { addressFromBytes, addressToBytes } from "../../net/address.ts";
import { afOf, familyFromAf } from "../family.ts";
import { readU16, writeU16 } from "../message/host-order.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";

/** Address and UDP port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/**
 * struct sockaddr_in and struct sockaddr_in6 of linux/in.h and linux/in6.h: sizes, and the offset of the
 * address. The port follows the family in both, in network order.
 */
const SOCKADDR = { 4: { bytes: 16, address: 4 }, 6: { bytes: 28, address: 8 } } as const;
const PORT_OFFSET = 2;

export function writeEndpoint({ address, port }: Endpoint): Uint8Array {
  const { bytes: size, address: offset } = SOCKADDR[address.includes(":") ? 6 : 4];
  const bytes = new Uint8Array(size);
  writeU16(bytes, 0, afOf(address));
  bytes[PORT_OFFSET] = port >>> 8;
  bytes[PORT_OFFSET + 1] = port;
  bytes.set(addressToBytes(address), offset);
  return bytes;
}

/** Throws {@link MalformedMessageError}. */
export function readEndpoint(bytes: Buffer): Endpoint {
  const family = familyFromAf("WireGuard endpoint", readU16(bytes, 0));
  const { bytes: size, address: offset } = SOCKADDR[family];
  if (bytes.length !== size)
    throw new MalformedMessageError(`Cannot read WireGuard endpoint: ${bytes.length} bytes`);
  return {
    address: addressFromBytes(bytes.subarray(offset, offset + (family === 4 ? 4 : 16))),
    port: bytes.readUInt16BE(PORT_OFFSET),
  };
}
