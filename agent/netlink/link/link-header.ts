import { formatLink } from "../package.ts";

export interface LinkHeader {
  readonly index?: number | undefined;
  /** Left as it is when undefined. */
  readonly up?: boolean | undefined;
}

/** struct ifinfomsg of linux/rtnetlink.h. */
export function linkHeader({ index = 0, up }: LinkHeader): Buffer {
  if (up === undefined) return formatLink({ index });
  return formatLink({ index, flags: up ? { up: true } : {}, change: { up: true } });
}
