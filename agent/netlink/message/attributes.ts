import { align, getS32, getString, getU16, getU32, getU64, getU8, putU64 } from "../package.ts";
import { readU16 as readU16At, writeU16, writeU32 } from "./host-order.ts";
import { MalformedMessageError } from "./malformed-message-error.ts";

/** Attributes as they go on the wire, each padded to 4 bytes. No piece at all: attribute left out. */
export type Attribute = readonly Uint8Array[];

/** Attributes of one level by type: those that the kernel repeats are read otherwise. */
export interface Attributes {
  has(type: number): boolean;
  get(type: number): Buffer | undefined;
}

/** struct nlattr of linux/netlink.h: length without the padding, type. */
const HEADER_BYTES = 4;
const NLA_F_NESTED = 1 << 15;

const encoder = new TextEncoder();

/**
 * Header and room. One array for all, because a pod takes about a hundred attributes; the package makes three
 * of each.
 */
function frame(type: number, size: number): Uint8Array {
  const bytes = new Uint8Array(align(HEADER_BYTES + size));
  writeU16(bytes, 0, HEADER_BYTES + size);
  writeU16(bytes, 2, type);
  return bytes;
}

export function attribute(type: number, data: Uint8Array): Attribute {
  const bytes = frame(type, data.length);
  bytes.set(data, HEADER_BYTES);
  return [bytes];
}

export function u8Attribute(type: number, value: number): Attribute {
  const bytes = frame(type, 1);
  bytes[HEADER_BYTES] = value;
  return [bytes];
}

export function u16Attribute(type: number, value: number): Attribute {
  const bytes = frame(type, 2);
  writeU16(bytes, HEADER_BYTES, value);
  return [bytes];
}

export function u32Attribute(type: number, value: number): Attribute {
  const bytes = frame(type, 4);
  writeU32(bytes, HEADER_BYTES, value);
  return [bytes];
}

/** 16 bits in network order: a port. */
export function u16NetworkAttribute(type: number, value: number): Attribute {
  return attribute(type, Uint8Array.of(value >>> 8, value));
}

/** 32 bits in network order, as nfnetlink wants them. */
export function u32NetworkAttribute(type: number, value: number): Attribute {
  return attribute(type, Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
}

/** 64 bits in network order. */
export function u64NetworkAttribute(type: number, value: number): Attribute {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return attribute(type, bytes);
}

/** 64 bits in the machine's order. */
export function u64Attribute(type: number, value: number): Attribute {
  return attribute(type, putU64(BigInt(value)));
}

/** Text that ends with NUL. */
export function textAttribute(type: number, text: string): Attribute {
  return attribute(type, encoder.encode(`${text}\0`));
}

/**
 * An attribute that holds attributes. The package's own writer (AttrStream) clears NLA_F_NESTED, which the
 * kernel has demanded of every attribute policy written since Linux 5.2.
 */
export function nested(type: number, ...attributes: readonly Attribute[]): Attribute {
  let size = 0;
  for (const pieces of attributes) for (const piece of pieces) size += piece.length;
  const bytes = frame(type | NLA_F_NESTED, size);
  let offset = HEADER_BYTES;
  for (const pieces of attributes) {
    for (const piece of pieces) {
      bytes.set(piece, offset);
      offset += piece.length;
    }
  }
  return [bytes];
}

/** Writes the attribute if there is a value. */
export function optional<Value>(value: Value | undefined, write: (value: Value) => Attribute): Attribute {
  return value === undefined ? [] : write(value);
}

const NO_ATTRIBUTES: Attributes = { has: () => false, get: () => undefined };

/** Splits attributes; throws {@link MalformedMessageError}. `what` names the message for the error. */
export function readAttributes(what: string, bytes: Buffer | undefined): Attributes {
  if (bytes === undefined) return NO_ATTRIBUTES;
  // A link has some fifty, and hardly ten of them are asked for: only those become buffers.
  const places = new Map<number, number>();
  forEachAttribute(what, bytes, (type, offset) => places.set(type, offset));
  return {
    has: (type) => places.has(type),
    get(type) {
      const offset = places.get(type);
      return offset === undefined ? undefined : dataAt(bytes, offset);
    },
  };
}

/** Texts of a list, which repeats one type. */
export function readTexts(what: string, list: Buffer | undefined): readonly string[] {
  const texts: string[] = [];
  if (list !== undefined)
    forEachAttribute(what, list, (_type, offset) =>
      texts.push(reading(what, () => getString(dataAt(list, offset)))),
    );
  return texts;
}

/** Items of a list, which repeats one type. */
export function readItems(what: string, list: Buffer | undefined): readonly Buffer[] {
  const items: Buffer[] = [];
  if (list !== undefined) forEachAttribute(what, list, (_type, offset) => items.push(dataAt(list, offset)));
  return items;
}

/** NLA_TYPE_MASK of linux/netlink.h: without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const TYPE_MASK = 0x3fff;

/** The package's own loop takes several times as long, which counts with thousands of links or routes. */
function forEachAttribute(what: string, bytes: Buffer, each: (type: number, offset: number) => void): void {
  for (let offset = 0; offset < bytes.length; ) {
    const length = offset + HEADER_BYTES > bytes.length ? 0 : readU16At(bytes, offset);
    if (length < HEADER_BYTES || offset + length > bytes.length) {
      const place = `at byte ${offset} of ${bytes.length}`;
      throw new MalformedMessageError(`Cannot read ${what}: attribute of ${length} bytes ${place}`);
    }
    each(readU16At(bytes, offset + 2) & TYPE_MASK, offset);
    offset += align(length);
  }
}

/** The data of the attribute whose header is there. */
function dataAt(bytes: Buffer, offset: number): Buffer {
  return bytes.subarray(offset + HEADER_BYTES, offset + readU16At(bytes, offset));
}

/**
 * Where the data of the first attribute of a type begins, -1 without one. Of thousands of messages few are
 * worth more than a look; whoever reads one finds what is wrong with it.
 */
export function findAttribute(bytes: Uint8Array, start: number, type: number): number {
  for (let offset = start; offset + HEADER_BYTES <= bytes.length; ) {
    if ((readU16At(bytes, offset + 2) & TYPE_MASK) === type) return offset + HEADER_BYTES;
    offset += Math.max(HEADER_BYTES, (readU16At(bytes, offset) + 3) & ~3);
  }
  return -1;
}

/** Length of the value that begins at `start`, as {@link findAttribute} gives it. */
export function attributeLength(bytes: Uint8Array, start: number): number {
  return readU16At(bytes, start - HEADER_BYTES) - HEADER_BYTES;
}

/** Runs a codec of the package and gives its errors our name. */
export function reading<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MalformedMessageError(`Cannot read ${what}: ${reason}`, { cause });
  }
}

/** The value of an attribute, or undefined when it is not there. */
function readWith<Value>(get: (data: Buffer) => Value) {
  return (what: string, attributes: Attributes, type: number): Value | undefined => {
    const data = attributes.get(type);
    return data === undefined ? undefined : reading(`${what}, attribute ${type}`, () => get(data));
  };
}

export const readU8 = readWith(getU8);
export const readU16 = readWith(getU16);
export const readU32 = readWith(getU32);
/** 32 bits in network order. */
export const readNetworkU32 = readWith((data) => data.readUInt32BE(0));
export const readU64 = readWith(getU64);
export const readS32 = readWith(getS32);
export const readText = readWith((data) => getString(data));
