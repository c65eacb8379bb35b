import { addressToBytes } from "../../../net/address.ts";
import { parseClass } from "../../../net/traffic/traffic-class.ts";
import { u32Bytes } from "../../../netlink/message/host-order.ts";
import type { SetElement } from "../../../netlink/nft/nft-elements.ts";
import { type PortElement, PROTOCOL_NUMBERS, PROTOCOLS } from "../../../plan/pods/host-ports.ts";

/** An element as nfnetlink wants it: ports and addresses in network order, protocols by number. */
export function portSetElement({ set, key, value, comment }: PortElement): SetElement {
  return { family: "inet", set, key: toFields(key), data: toFields(value), comment };
}

/**
 * Fields of a key or value in network order, but classes of traffic in the machine's; integers are
 * hexadecimal with all digits.
 */
export function toFields(fields: PortElement["key"]): readonly Uint8Array[] {
  return fields.map(fieldBytes);
}

function fieldBytes(field: string | number): Uint8Array {
  if (typeof field === "number") return Uint8Array.of(field >>> 8, field & 0xff);
  if (field.startsWith("0x")) return Buffer.from(field.slice(2), "hex");
  const trafficClass = parseClass(field);
  if (trafficClass !== undefined) return u32Bytes(trafficClass);
  const protocol = PROTOCOLS.find((name) => name === field);
  return protocol === undefined ? addressToBytes(field) : Uint8Array.of(PROTOCOL_NUMBERS[protocol]);
}
