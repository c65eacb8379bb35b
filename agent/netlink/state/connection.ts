import { addressToBytes, type Family } from "../../net/address.ts";
import {
  type Attributes,
  findAttribute,
  readAttributes,
  readNetworkU32,
  readU8,
} from "../message/attributes.ts";
import {
  AF_INET,
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_IP_V6_DST,
  CTA_IP_V6_SRC,
  CTA_MARK,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
} from "../constants.ts";
import { addressFrom, familyFromAf } from "../family.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import { NFGENMSG_BYTES } from "../nft/nfgenmsg.ts";

/** A connection that the kernel tracks. */
export interface Connection {
  readonly family: Family;
  /** Number of the transport protocol. */
  readonly protocol: number;
  /** As its first packet came. */
  readonly source: string;
  readonly destination: string;
  /** Undefined for a protocol without ports. */
  readonly destinationPort: number | undefined;
  /** Where answers come from: another address than `destination` when that was translated. */
  readonly replySource: string;
  /** Port that answers come from; undefined for a protocol without ports. */
  readonly replyPort: number | undefined;
  /** Of which each program has some bits. */
  readonly mark: number;
  /**
   * Attributes by which the kernel knows it. `zone`: undefined where nobody has given it one (nft's `ct zone
   * set`), or only one direction, which stands in the tuple.
   */
  readonly key: { readonly tuple: Buffer; readonly id: Buffer; readonly zone: Buffer | undefined };
}

/** Reads the payload of an IPCTNL_MSG_CT_NEW; throws {@link MalformedMessageError}. */
export function parseConnection(payload: Buffer): Connection {
  const family = familyFromAf("connection", payload[0] ?? 0);
  const attributes = readAttributes("connection", payload.subarray(NFGENMSG_BYTES));
  const [tuple, id] = [attributes.get(CTA_TUPLE_ORIG), attributes.get(CTA_ID)];
  if (tuple === undefined || id === undefined)
    throw new MalformedMessageError("Cannot read connection: no tuple, or no number");
  const original = readTuple(family, tuple);
  const reply = readTuple(family, attributes.get(CTA_TUPLE_REPLY));
  return {
    family,
    protocol: readU8("connection", original.protocol, CTA_PROTO_NUM) ?? 0,
    source: original.source,
    destination: original.destination,
    destinationPort: readPort(original.protocol, CTA_PROTO_DST_PORT),
    replySource: reply.source,
    replyPort: readPort(reply.protocol, CTA_PROTO_SRC_PORT),
    mark: readNetworkU32("connection", attributes, CTA_MARK) ?? 0,
    key: { tuple, id, zone: attributes.get(CTA_ZONE) },
  };
}

/** Addresses in the form that {@link hasEndIn} compares. */
export function endKeys(addresses: Iterable<string>): ReadonlySet<string> {
  return new Set(Array.from(addresses, (address) => Buffer.from(addressToBytes(address)).toString("latin1")));
}

/**
 * Whether one of the ends of a connection, as they are between the translations of destination and source, is
 * among `keys`. There may be a hundred thousand connections, and reading one whole costs several times as
 * much.
 */
export function hasEndIn(payload: Buffer, keys: Pick<ReadonlySet<string>, "has">): boolean {
  return [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY].some((type) => {
    const tuple = findAttribute(payload, NFGENMSG_BYTES, type);
    const addresses = tuple < 0 ? -1 : findAttribute(payload, tuple, CTA_TUPLE_IP);
    if (addresses < 0) return false;
    const [source, size] = payload[0] === AF_INET ? [CTA_IP_V4_SRC, 4] : [CTA_IP_V6_SRC, 16];
    const at = findAttribute(payload, addresses, source);
    return at >= 0 && keys.has(payload.toString("latin1", at, at + size));
  });
}

/** Mark of a connection, without a look at the rest. */
export function readMark(payload: Buffer): number {
  const at = findAttribute(payload, NFGENMSG_BYTES, CTA_MARK);
  return at < 0 || at + 4 > payload.length ? 0 : payload.readUInt32BE(at);
}

function readPort(protocol: Attributes, type: number): number | undefined {
  const port = protocol.get(type);
  return port?.length === 2 ? port.readUInt16BE(0) : undefined;
}

function readTuple(
  family: Family,
  bytes: Buffer | undefined,
): { readonly source: string; readonly destination: string; readonly protocol: Attributes } {
  const tuple = readAttributes("connection's tuple", bytes);
  const addresses = readAttributes("connection's addresses", tuple.get(CTA_TUPLE_IP));
  const [from, to] = family === 4 ? [CTA_IP_V4_SRC, CTA_IP_V4_DST] : [CTA_IP_V6_SRC, CTA_IP_V6_DST];
  const source = addressFrom("connection", family, addresses.get(from));
  const destination = addressFrom("connection", family, addresses.get(to));
  if (source === undefined || destination === undefined)
    throw new MalformedMessageError("Cannot read connection: no addresses");
  return {
    source,
    destination,
    protocol: readAttributes("connection's ports", tuple.get(CTA_TUPLE_PROTO)),
  };
}
