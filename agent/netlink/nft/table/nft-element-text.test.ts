import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressFromNumber } from "../../../net/address.ts";
import type { KernelElement } from "../nft-listed-elements.ts";
import { elementCodec } from "./nft-element-text.ts";
import type { NftElement } from "./nft-set-elements.ts";

function listed({ key, keyEnd, isEnd = false }: NftElement): KernelElement {
  return {
    key: Buffer.from(key),
    keyEnd: keyEnd === undefined ? undefined : Buffer.from(keyEnd),
    isEnd,
    value: undefined,
    verdict: undefined,
    comment: undefined,
    isOdd: false,
  };
}

const ipv4 = fc.nat(0xffff_ffff).map((value) => addressFromNumber(4, BigInt(value)));
const ipv6 = fc.bigInt(0n, 2n ** 128n - 1n).map((value) => addressFromNumber(6, value));
const ports = fc
  .tuple(fc.nat(0xffff), fc.nat(0xffff))
  .map(([a, b]) => (a === b ? String(a) : `${Math.min(a, b)}-${Math.max(a, b)}`));
const prefix = fc.tuple(fc.nat(0xffff_ffff), fc.integer({ min: 0, max: 31 })).map(([value, length]) => {
  const base = length === 0 ? 0 : ((value >>> (32 - length)) << (32 - length)) >>> 0;
  return `${addressFromNumber(4, BigInt(base))}/${length}`;
});

for (const { type, isInterval, texts } of [
  { type: "ipv4_addr", isInterval: false, texts: ipv4 },
  { type: "ipv6_addr", isInterval: false, texts: ipv6 },
  {
    type: "ipv4_addr . inet_proto . inet_service",
    isInterval: false,
    texts: fc.tuple(ipv4, fc.nat(255), fc.nat(0xffff)).map((fields) => fields.join(" . ")),
  },
  { type: "ipv6_addr . ipv6_addr", isInterval: false, texts: fc.tuple(ipv6, ipv6).map((s) => s.join(" . ")) },
  { type: "ipv4_addr", isInterval: true, texts: fc.oneof(ipv4, prefix) },
  { type: "ipv6_addr", isInterval: true, texts: fc.oneof(ipv6, fc.constant("2001:db8::/33")) },
  {
    type: "ipv4_addr . inet_proto . inet_service",
    isInterval: true,
    texts: fc
      .tuple(fc.oneof(ipv4, prefix), fc.constantFrom("6", "0-255"), ports)
      .map((fields) => fields.join(" . ")),
  },
])
  test(`elements of ${isInterval ? "intervals of " : ""}${type} are read as they are written`, () => {
    const codec = elementCodec({ type, isInterval });
    fc.assert(
      fc.property(texts, (text) => {
        const found = codec.format(codec.parse(text).map(listed).toReversed());
        assert.deepEqual(
          found.map((element) => element.text),
          [text],
        );
      }),
    );
  });

test("what is written of a set that has no text is refused", () => {
  assert.throws(
    () => elementCodec({ type: "mark", isInterval: false }),
    /Cannot write elements of type "mark"/,
  );
  assert.throws(() => elementCodec({ type: "ipv4_addr", isInterval: false }).parse("10.0.0.256"), RangeError);
});
