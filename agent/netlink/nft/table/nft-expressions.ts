import {
  NFT_CMP_EQ,
  NFT_CMP_GTE,
  NFT_CMP_LTE,
  NFT_CMP_NEQ,
  NFT_FIB_RESULT_ADDRTYPE,
  NFT_LOOKUP_F_INV,
  NFT_REG_VERDICT,
  NFT_REG32_00,
  NFTA_BITWISE_DREG,
  NFTA_BITWISE_LEN,
  NFTA_BITWISE_MASK,
  NFTA_BITWISE_SREG,
  NFTA_BITWISE_XOR,
  NFTA_CMP_DATA,
  NFTA_CMP_OP,
  NFTA_CMP_SREG,
  NFTA_CT_DREG,
  NFTA_CT_KEY,
  NFTA_DATA_VALUE,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_FIB_DREG,
  NFTA_FIB_F_SADDR,
  NFTA_FIB_FLAGS,
  NFTA_FIB_RESULT,
  NFTA_IMMEDIATE_DATA,
  NFTA_IMMEDIATE_DREG,
  NFTA_LIMIT_BURST,
  NFTA_LIMIT_RATE,
  NFTA_LIMIT_UNIT,
  NFTA_LIST_ELEM,
  NFTA_LOG_GROUP,
  NFTA_LOG_PREFIX,
  NFTA_LOG_SNAPLEN,
  NFTA_LOOKUP_DREG,
  NFTA_LOOKUP_FLAGS,
  NFTA_LOOKUP_SET,
  NFTA_LOOKUP_SREG,
  NFTA_META_DREG,
  NFTA_META_KEY,
  NFTA_PAYLOAD_BASE,
  NFTA_PAYLOAD_DREG,
  NFTA_PAYLOAD_LEN,
  NFTA_PAYLOAD_OFFSET,
} from "../../constants.ts";
import {
  type Attribute,
  attribute,
  nested,
  textAttribute,
  u16NetworkAttribute,
  u32NetworkAttribute,
  u64NetworkAttribute,
} from "../../message/attributes.ts";
import { type NftVerdict, verdictAttribute } from "./nft-verdict.ts";

/**
 * Expressions of a rule, in its order. Registers are of 32 bits and counted from 0; a value of more bytes
 * takes those behind it, too. A rule ends where an expression does not hold.
 */

/** Reads a field of the packet's meta data (NFT_META_*). */
export function meta(key: number, register = 0): Attribute {
  return expression(
    "meta",
    u32NetworkAttribute(NFTA_META_DREG, registerNumber(register)),
    u32NetworkAttribute(NFTA_META_KEY, key),
  );
}

/** Reads a field of the packet's connection (NFT_CT_*). */
export function ct(key: number, register = 0): Attribute {
  return expression(
    "ct",
    u32NetworkAttribute(NFTA_CT_DREG, registerNumber(register)),
    u32NetworkAttribute(NFTA_CT_KEY, key),
  );
}

/** Asks the routing tables what the packet's source is to this host (RTN_*). */
export function sourceType(register = 0): Attribute {
  return expression(
    "fib",
    u32NetworkAttribute(NFTA_FIB_DREG, registerNumber(register)),
    u32NetworkAttribute(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE),
    u32NetworkAttribute(NFTA_FIB_FLAGS, NFTA_FIB_F_SADDR),
  );
}

/** Bytes of a packet, from the beginning of a header (NFT_PAYLOAD_*). */
export interface PayloadField {
  readonly base: number;
  readonly offset: number;
  readonly length: number;
}

export function payload({ base, offset, length }: PayloadField, register = 0): Attribute {
  return expression(
    "payload",
    u32NetworkAttribute(NFTA_PAYLOAD_DREG, registerNumber(register)),
    u32NetworkAttribute(NFTA_PAYLOAD_BASE, base),
    u32NetworkAttribute(NFTA_PAYLOAD_OFFSET, offset),
    u32NetworkAttribute(NFTA_PAYLOAD_LEN, length),
  );
}

/** Clears all bits of the first register that are not in the mask. */
export function maskBits(mask: Uint8Array): Attribute {
  return expression(
    "bitwise",
    u32NetworkAttribute(NFTA_BITWISE_SREG, registerNumber(0)),
    u32NetworkAttribute(NFTA_BITWISE_DREG, registerNumber(0)),
    u32NetworkAttribute(NFTA_BITWISE_LEN, mask.length),
    nested(NFTA_BITWISE_MASK, attribute(NFTA_DATA_VALUE, mask)),
    nested(NFTA_BITWISE_XOR, attribute(NFTA_DATA_VALUE, new Uint8Array(mask.length))),
  );
}

const OPERATORS = { "==": NFT_CMP_EQ, "!=": NFT_CMP_NEQ, "<=": NFT_CMP_LTE, ">=": NFT_CMP_GTE } as const;

/** Compares the first register, as bytes from the first on. */
export function compare(operator: keyof typeof OPERATORS, value: Uint8Array): Attribute {
  return expression(
    "cmp",
    u32NetworkAttribute(NFTA_CMP_SREG, registerNumber(0)),
    u32NetworkAttribute(NFTA_CMP_OP, OPERATORS[operator]),
    nested(NFTA_CMP_DATA, attribute(NFTA_DATA_VALUE, value)),
  );
}

/** Whether what the registers hold from the first on is in a set, or is not. */
export function lookUp(set: string, isNegated = false): Attribute {
  return expression(
    "lookup",
    textAttribute(NFTA_LOOKUP_SET, set),
    u32NetworkAttribute(NFTA_LOOKUP_SREG, registerNumber(0)),
    isNegated ? u32NetworkAttribute(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV) : [],
  );
}

/** Does what a verdict map says; the rule ends where it says nothing. */
export function lookUpVerdict(map: string): Attribute {
  return expression(
    "lookup",
    textAttribute(NFTA_LOOKUP_SET, map),
    u32NetworkAttribute(NFTA_LOOKUP_SREG, registerNumber(0)),
    u32NetworkAttribute(NFTA_LOOKUP_DREG, NFT_REG_VERDICT),
  );
}

export function verdict(given: NftVerdict): Attribute {
  return expression(
    "immediate",
    u32NetworkAttribute(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT),
    nested(NFTA_IMMEDIATE_DATA, verdictAttribute(given)),
  );
}

export function counter(): Attribute {
  return expression("counter");
}

/** Holds for so many packets a second. */
export function limit(perSecond: number, burst: number): Attribute {
  return expression(
    "limit",
    u64NetworkAttribute(NFTA_LIMIT_RATE, perSecond),
    u64NetworkAttribute(NFTA_LIMIT_UNIT, 1),
    u32NetworkAttribute(NFTA_LIMIT_BURST, burst),
  );
}

export interface PacketLog {
  /** Of nfnetlink_log: whoever is bound to it gets the packets. */
  readonly group: number;
  /** At most 127 bytes (NF_LOG_PREFIXLEN). */
  readonly prefix: string;
  /** Bytes of the packet that are told. */
  readonly snapLength: number;
}

export function log({ group, prefix, snapLength }: PacketLog): Attribute {
  return expression(
    "log",
    u16NetworkAttribute(NFTA_LOG_GROUP, group),
    textAttribute(NFTA_LOG_PREFIX, prefix),
    u32NetworkAttribute(NFTA_LOG_SNAPLEN, snapLength),
  );
}

function expression(name: string, ...data: readonly Attribute[]): Attribute {
  return nested(NFTA_LIST_ELEM, textAttribute(NFTA_EXPR_NAME, name), nested(NFTA_EXPR_DATA, ...data));
}

function registerNumber(register: number): number {
  return NFT_REG32_00 + register;
}
