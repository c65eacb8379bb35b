import { type Cidr, cidrOf, parseInterfaceAddress } from "../../../net/cidr.ts";
import { type Field, refuse } from "./fields.ts";

/** A prefix of either family; host bits count as zeros, as in the API. */
export function readCidr(field: Field): Cidr | undefined {
  const parsed = typeof field.value === "string" ? parseInterfaceAddress(field.value) : undefined;
  if (parsed === undefined) return refuse(field, 'is not a prefix such as "10.0.0.0/8"');
  return cidrOf(parsed.address, parsed.prefixLength);
}
