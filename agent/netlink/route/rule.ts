import { addressToBytes, type Family, familyOf } from "../../net/address.ts";
import { addressBits } from "../../net/cidr.ts";
import { attribute, readAttributes, readU32, u32Attribute, u8Attribute } from "../message/attributes.ts";
import {
  FR_ACT_TO_TBL,
  FRA_PRIORITY,
  FRA_PROTOCOL,
  FRA_SRC,
  FRA_TABLE,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  RTM_GETRULE,
  RTM_NEWRULE,
} from "../constants.ts";
import { addressFrom, afOf, familyFromAf, familyToAf } from "../family.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import type { NetlinkRequest } from "../message/message.ts";

/** A rule that sends packets from one address to a routing table (ip-rule(8)). */
export interface SourceRule {
  readonly source: string;
  readonly table: number;
  /** Lower is asked earlier; the main table's is 32766. */
  readonly priority: number;
  /** RTPROT_*: who made it. Known since Linux 4.17. */
  readonly protocol: number;
}

/** A rule as the kernel describes it; what is undefined it does not ask for. */
export interface ObservedRule {
  readonly source: string | undefined;
  readonly sourceLength: number;
  readonly table: number;
  readonly priority: number;
}

/** sizeof(struct fib_rule_hdr) of linux/fib_rules.h. */
export const RULE_HEADER_BYTES = 12;

/** Family, length of the destination, of the source, TOS, table, two reserved bytes, action, flags. */
function ruleHeader(af: number, sourceLength: number, action: number): Uint8Array {
  return Uint8Array.of(af, 0, sourceLength, 0, 0, 0, 0, action, 0, 0, 0, 0);
}

/** EEXIST if there is the same rule. */
export function addRule({ source, table, priority, protocol }: SourceRule): NetlinkRequest {
  return {
    type: RTM_NEWRULE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: [
      ruleHeader(afOf(source), addressBits(familyOf(source)), FR_ACT_TO_TBL),
      ...attribute(FRA_SRC, addressToBytes(source)),
      ...u32Attribute(FRA_TABLE, table),
      ...u32Attribute(FRA_PRIORITY, priority),
      ...u8Attribute(FRA_PROTOCOL, protocol),
    ],
    what: `add rule from ${source} to table ${table}`,
  };
}

export function dumpRules(family: Family): NetlinkRequest {
  return {
    type: RTM_GETRULE,
    flags: NLM_F_DUMP,
    payload: [ruleHeader(familyToAf(family), 0, 0)],
    what: `list IPv${family} rules`,
  };
}

/** Reads the payload of an RTM_NEWRULE; throws MalformedMessageError. */
export function parseRule(payload: Buffer): ObservedRule {
  if (payload.length < RULE_HEADER_BYTES)
    throw new MalformedMessageError(`Cannot read rule: ${payload.length} bytes`);
  const attributes = readAttributes("rule", payload.subarray(RULE_HEADER_BYTES));
  const family = familyFromAf("rule", payload[0]);
  return {
    source: addressFrom("rule", family, attributes.get(FRA_SRC)),
    sourceLength: payload[2] ?? 0,
    table: readU32("rule", attributes, FRA_TABLE) ?? payload[4] ?? 0,
    priority: readU32("rule", attributes, FRA_PRIORITY) ?? 0,
  };
}
