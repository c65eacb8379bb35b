import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressFromBytes } from "../../net/address.ts";
import { addAddress, deleteAddress, parseAddress, replaceAddress } from "./address.ts";
import { attribute, readAttributes } from "../message/attributes.ts";
import { IFA_ADDRESS, IFA_CACHEINFO, IFA_LOCAL } from "../constants.ts";
import { scopeFromNumber } from "../scope.ts";

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(addressFromBytes);
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(addressFromBytes);

const spec = fc.record(
  {
    linkIndex: fc.integer({ min: 1, max: 0x7fffffff }),
    address: fc.oneof(ipv4, ipv6),
    prefixLength: fc.nat(32),
    scope: fc.nat(255).map(scopeFromNumber),
    noDad: fc.boolean(),
    noPrefixRoute: fc.boolean(),
    protocol: fc.nat(255),
  },
  { noNullPrototype: true },
);

test("addAddress() and replaceAddress() write what parseAddress() reads", () => {
  fc.assert(
    fc.property(spec, (values) => {
      const want = { ...values, deprecated: false, tentative: false, dadFailed: false };
      assert.deepEqual(parseAddress(Buffer.concat(addAddress(values).payload)), want);
      assert.deepEqual(parseAddress(Buffer.concat(replaceAddress(values).payload)), want);
    }),
  );
});

for (const { deprecated, want } of [
  { deprecated: true, want: [0, 0xffffffff, 0, 0] },
  { deprecated: false, want: [0xffffffff, 0xffffffff, 0, 0] },
  { deprecated: undefined, want: undefined },
]) {
  test(`replaceAddress() writes the lifetimes of an address with deprecated: ${deprecated}`, () => {
    const values = { linkIndex: 1, address: "10.0.0.1", prefixLength: 24 };
    const request = replaceAddress(deprecated === undefined ? values : { ...values, deprecated });
    const attributes = readAttributes("test", Buffer.concat(request.payload).subarray(8));
    const info = attributes.get(IFA_CACHEINFO);
    assert.deepEqual(info && [0, 4, 8, 12].map((offset) => info.readUInt32LE(offset)), want);
  });
}

test("addAddress() and deleteAddress() say in their errors what they are about", () => {
  const values = { linkIndex: 3, address: "fd00::7", prefixLength: 128 };
  assert.equal(addAddress(values).what, "add address fd00::7/128");
  assert.equal(deleteAddress(values).what, "delete address fd00::7/128");
});

test("parseAddress() takes our own address of a point-to-point link, not the peer's", () => {
  const [header] = addAddress({ linkIndex: 1, address: "192.0.2.1", prefixLength: 32 }).payload;
  const peer = attribute(IFA_ADDRESS, Uint8Array.of(192, 0, 2, 2));
  const local = attribute(IFA_LOCAL, Uint8Array.of(192, 0, 2, 1));
  assert.equal(parseAddress(Buffer.concat([header!, ...peer, ...local])).address, "192.0.2.1");
});

test("parseAddress() takes flags of a kernel that sends only the byte in the header", () => {
  const request = addAddress({ linkIndex: 1, address: "fd00::7", prefixLength: 128 });
  const payload = Buffer.concat(request.payload);
  payload[2] = 0x42;
  const { noDad, tentative } = parseAddress(payload);
  assert.deepEqual({ noDad, tentative }, { noDad: true, tentative: true });
});
