import { addressFromBytes, addressToBytes } from "../../net/address.ts";
import { macFromBytes } from "../../net/mac.ts";
import { formatClass, parseClass } from "../../net/traffic/traffic-class.ts";
import { readU32, u32Bytes } from "../message/host-order.ts";

/**
 * A type of values of nftables: the kernel keeps nft's number of it, and only nft knows what it means
 * (include/datatype.h of nftables).
 */
interface ValueType {
  readonly name: string;
  /** Undefined: as many as the other fields leave. */
  readonly bytes: number | undefined;
  readonly format: (bytes: Buffer) => string;
  /** Of those that elements are written of. */
  readonly parse?: (text: string) => Uint8Array;
}

const TYPES: ReadonlyMap<number, ValueType> = new Map<number, ValueType>([
  [4, { name: "integer", bytes: undefined, format: (bytes: Buffer) => `0x${bytes.toString("hex")}` }],
  [7, { name: "ipv4_addr", bytes: 4, format: addressFromBytes, parse: addressToBytes }],
  [8, { name: "ipv6_addr", bytes: 16, format: addressFromBytes, parse: addressToBytes }],
  [9, { name: "ether_addr", bytes: 6, format: macFromBytes }],
  [
    12,
    {
      name: "inet_proto",
      bytes: 1,
      format: (bytes: Buffer) => String(bytes.readUInt8(0)),
      parse: (text) => Uint8Array.of(Number(text)),
    },
  ],
  [
    13,
    {
      name: "inet_service",
      bytes: 2,
      format: (bytes: Buffer) => String(bytes.readUInt16BE(0)),
      parse: (text) => Uint8Array.of(Number(text) >>> 8, Number(text)),
    },
  ],
  [
    23,
    {
      name: "classid",
      bytes: 4,
      format: (bytes: Buffer) => formatClass(readU32(bytes, 0)),
      parse: (text) => u32Bytes(parseClass(text) ?? 0),
    },
  ],
  [
    41,
    { name: "ifname", bytes: 16, format: (bytes: Buffer) => bytes.toString("utf8").replace(/\0.*$/s, "") },
  ],
]);

const NUMBERS: ReadonlyMap<string, number> = new Map([...TYPES].map(([number, { name }]) => [name, number]));

/** TYPE_BITS of include/datatype.h of nftables. */
const TYPE_BITS = 6;

/** Names of a type's fields, joined by ` . ` as nft writes them; `type NUMBER` for what is not among ours. */
export function formatType(type: number): string {
  return (
    fieldTypes(type)
      ?.map(({ name }) => name)
      .join(" . ") ?? `type ${type}`
  );
}

/** A field of keys that elements are written of. */
export interface KeyField {
  readonly bytes: number;
  /** Text of one value, canonical. */
  readonly parse: (text: string) => Uint8Array;
}

/**
 * Fields of a type, as {@link formatType} writes it. Throws RangeError for what no elements are written of.
 */
export function keyFields(type: string): readonly KeyField[] {
  return type.split(" . ").map((name) => {
    const { bytes, parse } = TYPES.get(NUMBERS.get(name) ?? 0) ?? {};
    if (bytes === undefined || parse === undefined)
      throw new RangeError(`Cannot write elements of type "${name}"`);
    return { bytes, parse };
  });
}

/** Inverse of {@link formatType}. */
export function parseType(type: string): number {
  return type.split(" . ").reduce((number, name) => number * 2 ** TYPE_BITS + (NUMBERS.get(name) ?? 0), 0);
}

/**
 * Text of a value, whose fields stand in registers of 32 bits; addresses canonical, the rest in numbers.
 * Bytes of a type that is not ours in hexadecimal.
 */
export function formatFields(type: number, value: Buffer): string {
  const fields = fieldTypes(type);
  const length = fields?.reduce((sum, { bytes = 0 }) => sum + padded(bytes), 0) ?? 0;
  const open = fields?.filter(({ bytes }) => bytes === undefined).length ?? 0;
  const isWhole = open === 1 ? value.length > length : value.length === length;
  // A field alone comes without padding, too.
  const isAlone = fields?.length === 1 && value.length === fields[0]?.bytes;
  if (fields === undefined || open > 1 || !(isWhole || isAlone)) return `0x${value.toString("hex")}`;
  let offset = 0;
  const texts = fields.map(({ bytes = value.length - length, format }) => {
    const text = format(value.subarray(offset, offset + bytes));
    offset += padded(bytes);
    return text;
  });
  return texts.join(" . ");
}

function fieldTypes(type: number): readonly ValueType[] | undefined {
  const types: ValueType[] = [];
  for (let rest = type; rest > 0; rest >>>= TYPE_BITS) {
    const field = TYPES.get(rest & ((1 << TYPE_BITS) - 1));
    if (field === undefined) return undefined;
    types.unshift(field);
  }
  return types.length === 0 ? undefined : types;
}

/** Bytes of a field in registers of 32 bits. */
export function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}
