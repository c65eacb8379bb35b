import { writeS32, writeU32 } from "../package.ts";

/** Size of struct tcmsg of linux/rtnetlink.h. */
export const TC_HEADER_BYTES = 20;

export interface TcHeader {
  readonly linkIndex: number;
  readonly handle?: number;
  readonly parent?: number;
  /** Of a filter: priority above, protocol in network order below. */
  readonly info?: number;
}

/** struct tcmsg: family (1 byte, 3 of padding), link index, handle, parent, info. */
export function tcHeader({ linkIndex, handle = 0, parent = 0, info = 0 }: TcHeader): Buffer {
  const bytes = Buffer.alloc(TC_HEADER_BYTES);
  writeS32.call(bytes, linkIndex, 4);
  writeU32.call(bytes, handle, 8);
  writeU32.call(bytes, parent, 12);
  writeU32.call(bytes, info, 16);
  return bytes;
}
