import assert from "node:assert/strict";
import { test } from "node:test";
import {
  NFT_CT_MARK,
  NFTA_BITWISE_DREG,
  NFTA_BITWISE_OP,
  NFTA_BITWISE_SREG,
  NFTA_CT_DREG,
  NFTA_CT_KEY,
  NFTA_CT_SREG,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_LIST_ELEM,
  NFTA_RULE_EXPRESSIONS,
} from "../constants.ts";
import { type Attribute, nested, textAttribute, u32NetworkAttribute } from "../message/attributes.ts";
import { readMarkUse } from "./connection-marks.ts";
import { nfgenmsg } from "./nfgenmsg.ts";

/** NFT_BITWISE_* and the second register of linux/netfilter/nf_tables.h, as since Linux 6.13. */
const [LSHIFT, OR, NFTA_BITWISE_SREG2] = [1, 4, 8];
const [MARK, OTHER] = [1, 2];

function expression(name: string, ...data: readonly (readonly [type: number, value: number])[]): Attribute {
  const attributes = data.map(([type, value]) => u32NetworkAttribute(type, value));
  return nested(NFTA_LIST_ELEM, textAttribute(NFTA_EXPR_NAME, name), nested(NFTA_EXPR_DATA, ...attributes));
}

const bitwise: readonly (readonly [number, number])[] = [
  [NFTA_BITWISE_SREG, MARK],
  [NFTA_BITWISE_DREG, MARK],
];

for (const { what, change } of [
  { what: "shifted", change: expression("bitwise", ...bitwise, [NFTA_BITWISE_OP, LSHIFT]) },
  {
    what: "combined with another register, as since Linux 6.13",
    change: expression("bitwise", ...bitwise, [NFTA_BITWISE_OP, OR], [NFTA_BITWISE_SREG2, OTHER]),
  },
])
  test(`readMarkUse() takes every bit of a mark for written that was ${what}`, () => {
    const list = nested(
      NFTA_RULE_EXPRESSIONS,
      expression("ct", [NFTA_CT_DREG, MARK], [NFTA_CT_KEY, NFT_CT_MARK]),
      change,
      expression("ct", [NFTA_CT_KEY, NFT_CT_MARK], [NFTA_CT_SREG, MARK]),
    );
    const rule = Buffer.concat([nfgenmsg(1), ...list]);
    assert.deepEqual(readMarkUse(rule), { writes: 0xffff_ffff, reads: 0 });
  });
