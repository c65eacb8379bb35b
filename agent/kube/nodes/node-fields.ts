import { parseAddress, sameText } from "../../net/address.ts";
import { showValue } from "../../text/show-value.ts";
import { type Cidr, cidrContains, formatCidr, parseCidr } from "../../net/cidr.ts";

/** A checked list, or what is wrong with it: each fault names key and value. */
export interface CheckedList {
  readonly values: readonly string[];
  readonly faults: readonly string[];
}

/**
 * An object may hold tens of thousands of addresses; no node has more than a few, and the first ones are
 * used.
 */
const MAX_ELEMENTS = 32;

/**
 * PodCIDRs of one family that a node may have: Kubernetes gives one, a node that changes its prefix needs
 * two.
 */
const MAX_PREFIXES_PER_FAMILY = 2;

/** Checks a list of addresses; repeated ones are kept once. Undefined and null count as empty. */
export function checkAddresses(key: string, list: unknown): CheckedList {
  return checkList(key, list, (shownKey, value, values) => {
    const address = typeof value === "string" ? parseAddress(value) : undefined;
    if (address === undefined) return `${shownKey} ${showValue(value)} is not an IP address`;
    if (!values.includes(address)) values.push(address);
    return undefined;
  });
}

/**
 * Checks a list of prefixes: none may hold another, and a family has at most two. Undefined and null count as
 * empty.
 */
export function checkPodCIDRs(key: string, list: unknown): CheckedList {
  const cidrs: Cidr[] = [];
  return checkList(key, list, (shownKey, value, values) => {
    const cidr = typeof value === "string" ? parseCidr(value) : undefined;
    if (cidr === undefined || cidr.prefixLength === 0)
      return `${shownKey} ${showValue(value)} is not a prefix such as "10.244.1.0/24", without host bits`;
    const other =
      cidrs.find(({ base }) => cidrContains(cidr, base)) ?? cidrs.find((c) => cidrContains(c, cidr.base));
    if (other !== undefined) return `${shownKey} ${showValue(value)} overlaps "${formatCidr(other)}"`;
    if (cidrs.filter(({ family }) => family === cidr.family).length === MAX_PREFIXES_PER_FAMILY)
      return `${shownKey} ${showValue(value)} is one too many: at most ${MAX_PREFIXES_PER_FAMILY} IPv${cidr.family} prefixes are served`;
    cidrs.push(cidr);
    values.push(sameText(String(value), formatCidr(cidr)));
    return undefined;
  });
}

/** `check` adds to `values`, or answers the fault. */
function checkList(
  key: string,
  list: unknown,
  check: (shownKey: string, value: unknown, values: string[]) => string | undefined,
): CheckedList {
  if (list === undefined || list === null) return { values: [], faults: [] };
  if (!Array.isArray(list)) return { values: [], faults: [`${key} ${showValue(list)} is not a list`] };
  const values: string[] = [];
  const faults = list
    .slice(0, MAX_ELEMENTS)
    .map((value: unknown, index) => check(`${key}[${index}]`, value, values));
  // An array that has grown keeps room for more, for each of thousands of nodes.
  return { values: values.slice(), faults: faults.filter((fault) => fault !== undefined) };
}
