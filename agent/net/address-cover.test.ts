import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressFromBytes, addressToBytes } from "./address.ts";
import { createAddressCover } from "./address-cover.ts";
import { cidrContains, cidrOf } from "./cidr.ts";

const addressOf = (bytes: 4 | 16) =>
  // Few values, so that prefixes often hold an address.
  fc.array(fc.constantFrom(0, 1, 10, 127, 128, 255), { minLength: bytes, maxLength: bytes });

test("createAddressCover() answers as cidrContains() does for each address", () => {
  const question = fc.constantFrom<4 | 16>(4, 16).chain((size) =>
    fc.record({
      addresses: fc.array(fc.oneof(addressOf(4), addressOf(16)), { maxLength: 20 }),
      base: addressOf(size),
      length: fc.nat(size * 8),
    }),
  );
  fc.assert(
    fc.property(question, ({ addresses, base, length }) => {
      const texts = addresses.map((bytes) => addressFromBytes(Uint8Array.from(bytes)));
      const prefix = cidrOf(addressFromBytes(Uint8Array.from(base)), length);
      const cover = createAddressCover(texts);
      assert.equal(
        cover.holdsAny(prefix.family, addressToBytes(prefix.base), length),
        texts.some((address) => cidrContains(prefix, address)),
      );
    }),
  );
});
