import {
  NFT_CT_MARK,
  NFTA_BITWISE_DREG,
  NFTA_BITWISE_MASK,
  NFTA_BITWISE_OP,
  NFTA_BITWISE_SREG,
  NFTA_BITWISE_XOR,
  NFTA_CMP_SREG,
  NFTA_CT_DREG,
  NFTA_CT_KEY,
  NFTA_CT_SREG,
  NFTA_DATA_VALUE,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_LOOKUP_SREG,
  NFTA_MATCH_INFO,
  NFTA_MATCH_NAME,
  NFTA_RULE_EXPRESSIONS,
  NFTA_TARGET_INFO,
  NFTA_TARGET_NAME,
  NFTA_TARGET_REV,
} from "../constants.ts";
import {
  type Attributes,
  readAttributes,
  readItems,
  readNetworkU32,
  readText,
} from "../message/attributes.ts";
import { readU32 } from "../message/host-order.ts";
import { NFGENMSG_BYTES } from "./nfgenmsg.ts";

/** What a rule does with connections' marks (conntrack), as 32 bits each. */
export interface MarkUse {
  /** Bits that it may change; those of a value that is not known when the rule is read are all. */
  readonly writes: number;
  /** Bits that it asks for by a mask, and for no others. */
  readonly reads: number;
}

const ALL_BITS = 0xffff_ffff;
const WHAT = "nftables rule";

/**
 * Modes of xt_connmark (linux/netfilter/xt_connmark.h): the mark becomes a value, that of the packet, or the
 * packet's becomes this.
 */
const [XT_CONNMARK_SET, XT_CONNMARK_SAVE] = [0, 1] as const;

/**
 * What a register holds: the mark, as far as `mask` leaves it, with `flips` inverted. Registers that are
 * missing hold something else.
 */
interface MaskedMark {
  readonly mask: number;
  readonly flips: number;
}

type Read = (data: Attributes, registers: Map<number, MaskedMark>) => Partial<MarkUse> | undefined;

const READERS: Readonly<Record<string, Read>> = {
  ct: readCt,
  bitwise: readBitwise,
  immediate: forget,
  meta: forget,
  payload: forget,
  cmp: (data, registers) => readAsked(registers.get(numberOf(data, NFTA_CMP_SREG))),
  lookup: (data, registers) => readAsked(registers.get(numberOf(data, NFTA_LOOKUP_SREG))),
  target: readTarget,
  match: readMatch,
};

/**
 * Reads the payload of an NFT_MSG_NEWRULE, also of iptables' extensions CONNMARK and connmark; throws {@link
 * MalformedMessageError}.
 */
export function readMarkUse(payload: Buffer): MarkUse {
  const rule = readAttributes(WHAT, payload.subarray(NFGENMSG_BYTES));
  const registers = new Map<number, MaskedMark>();
  const use = { writes: 0, reads: 0 };
  for (const bytes of readItems(WHAT, rule.get(NFTA_RULE_EXPRESSIONS))) {
    const expression = readAttributes(WHAT, bytes);
    const name = readText(WHAT, expression, NFTA_EXPR_NAME) ?? "";
    const { writes = 0, reads = 0 } =
      READERS[name]?.(readAttributes(WHAT, expression.get(NFTA_EXPR_DATA)), registers) ?? {};
    use.writes = (use.writes | writes) >>> 0;
    use.reads = (use.reads | reads) >>> 0;
  }
  return use;
}

function readCt(data: Attributes, registers: Map<number, MaskedMark>): Partial<MarkUse> | undefined {
  const isMark = numberOf(data, NFTA_CT_KEY) === NFT_CT_MARK;
  const target = numberOf(data, NFTA_CT_DREG);
  if (data.get(NFTA_CT_SREG) === undefined) {
    if (isMark) registers.set(target, { mask: ALL_BITS, flips: 0 });
    else registers.delete(target);
    return undefined;
  }
  if (!isMark) return undefined;
  const held = registers.get(numberOf(data, NFTA_CT_SREG));
  return { writes: held === undefined ? ALL_BITS : (~held.mask | held.flips) >>> 0 };
}

function readBitwise(data: Attributes, registers: Map<number, MaskedMark>): undefined {
  const held = registers.get(numberOf(data, NFTA_BITWISE_SREG));
  const target = numberOf(data, NFTA_BITWISE_DREG);
  // Since Linux 5.7 the kernel shifts too, and since 6.13 combines two registers (NFT_BITWISE_*).
  if (
    held === undefined ||
    (data.get(NFTA_BITWISE_OP) !== undefined && numberOf(data, NFTA_BITWISE_OP) !== 0)
  ) {
    registers.delete(target);
    return;
  }
  const [mask, flips] = [valueOf(data, NFTA_BITWISE_MASK), valueOf(data, NFTA_BITWISE_XOR)];
  registers.set(target, { mask: (held.mask & mask) >>> 0, flips: ((held.flips & mask) ^ flips) >>> 0 });
}

/** The number of the register that is written is the first attribute of all of these. */
function forget(data: Attributes, registers: Map<number, MaskedMark>): undefined {
  registers.delete(numberOf(data, 1));
}

function readAsked(held: MaskedMark | undefined): Partial<MarkUse> | undefined {
  return held === undefined || held.mask === ALL_BITS ? undefined : { reads: held.mask };
}

/** struct xt_connmark_tginfo1, and tginfo2, which has two bytes about a shift before the mode. */
function readTarget(data: Attributes): Partial<MarkUse> | undefined {
  if (readText(WHAT, data, NFTA_TARGET_NAME) !== "CONNMARK") return undefined;
  const info = data.get(NFTA_TARGET_INFO) ?? Buffer.alloc(0);
  const [mark, mask, packetMask] = [readU32(info, 0), readU32(info, 4), readU32(info, 8)];
  const mode = info[numberOf(data, NFTA_TARGET_REV) >= 2 ? 14 : 12];
  if (mode === XT_CONNMARK_SET) return { writes: (mark | mask) >>> 0 };
  return mode === XT_CONNMARK_SAVE ? { writes: (mask | packetMask) >>> 0 } : undefined;
}

/** struct xt_connmark_mtinfo1. */
function readMatch(data: Attributes): Partial<MarkUse> | undefined {
  if (readText(WHAT, data, NFTA_MATCH_NAME) !== "connmark") return undefined;
  const mask = readU32(data.get(NFTA_MATCH_INFO) ?? Buffer.alloc(0), 4);
  return readAsked({ mask, flips: 0 });
}

function numberOf(data: Attributes, type: number): number {
  return readNetworkU32(WHAT, data, type) ?? 0;
}

function valueOf(data: Attributes, type: number): number {
  return readU32(readAttributes(WHAT, data.get(type)).get(NFTA_DATA_VALUE) ?? Buffer.alloc(0), 0);
}
