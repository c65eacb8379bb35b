import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressFromNumber, type Family } from "./address.ts";
import { compareRanges, pointOf, rangeHolds, rangeOf, rangesOverlap } from "./address-range.ts";
import { addressBits, type Cidr, cidrContains, cidrOf } from "./cidr.ts";

/** Prefixes that often meet: all in the first few addresses, or of few bits. */
function cidrs(family: Family): fc.Arbitrary<Cidr> {
  const bits = addressBits(family);
  return fc
    .tuple(
      fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }),
      fc.integer({ min: 0, max: bits }),
      fc.boolean(),
    )
    .map(([value, length, isSmall]) =>
      cidrOf(addressFromNumber(family, isSmall ? value & 0xffn : value), length),
    );
}

const anyCidr = fc.oneof(cidrs(4), cidrs(6));

test("ranges hold and overlap as their prefixes do", () => {
  fc.assert(
    fc.property(anyCidr, anyCidr, (a, b) => {
      const holds = a.prefixLength <= b.prefixLength && cidrContains(a, b.base);
      assert.equal(rangeHolds(rangeOf(a), rangeOf(b)), holds);
      assert.equal(rangesOverlap(rangeOf(a), rangeOf(b)), cidrContains(a, b.base) || cidrContains(b, a.base));
      assert.equal(rangeHolds(rangeOf(a), pointOf(b.base)), cidrContains(a, b.base));
    }),
  );
});

test("compareRanges() puts a range before those inside it", () => {
  fc.assert(
    fc.property(anyCidr, anyCidr, (a, b) => {
      const order = compareRanges(rangeOf(a), rangeOf(b));
      assert.equal(Math.sign(compareRanges(rangeOf(b), rangeOf(a))), 0 - Math.sign(order));
      if (order !== 0 && rangeHolds(rangeOf(a), rangeOf(b))) assert.equal(order, -1);
    }),
  );
});
