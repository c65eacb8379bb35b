import type { Family } from "./cluster-plan.ts";

export function familyOf(address: string): Family {
  return address.includes(":") ? 6 : 4;
}

/** The one of the same family as another. */
export function ofFamily(addresses: readonly string[], other: string): string | undefined {
  return addresses.find((address) => familyOf(address) === familyOf(other));
}
