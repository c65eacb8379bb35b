/**
 * Numbers in the machine's byte order, as netlink has them. Node.js's own writers check type, value and
 * bounds of every number in JavaScript, which is most of what a message costs; here the callers' types say
 * what goes in, and a typed array drops what is out of its bounds.
 */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Order in which the bytes of a number stand, as shifts. */
const SHIFTS_16 = isLittleEndian ? ([0, 8] as const) : ([8, 0] as const);
const SHIFTS_32 = isLittleEndian ? ([0, 8, 16, 24] as const) : ([24, 16, 8, 0] as const);

export function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> SHIFTS_16[0];
  bytes[offset + 1] = value >>> SHIFTS_16[1];
}

/** 0 where there are no bytes. */
export function readU16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << SHIFTS_16[0]) | ((bytes[offset + 1] ?? 0) << SHIFTS_16[1]);
}

export function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, value);
  return bytes;
}

/** Also for a signed number. */
export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> SHIFTS_32[0];
  bytes[offset + 1] = value >>> SHIFTS_32[1];
  bytes[offset + 2] = value >>> SHIFTS_32[2];
  bytes[offset + 3] = value >>> SHIFTS_32[3];
}

/** A signed number. 0 where there are no bytes. */
export function readS32(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] ?? 0) << SHIFTS_32[0]) |
    ((bytes[offset + 1] ?? 0) << SHIFTS_32[1]) |
    ((bytes[offset + 2] ?? 0) << SHIFTS_32[2]) |
    ((bytes[offset + 3] ?? 0) << SHIFTS_32[3])
  );
}

/** 0 where there are no bytes. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return readS32(bytes, offset) >>> 0;
}
