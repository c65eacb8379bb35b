import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Address6 } from "ip-address";
import {
  addressFromBytes,
  addressFromNumber,
  addressToBytes,
  addressToNumber,
  familyOf,
  isMulticast,
  parseAddress,
  parseUnmappedAddress,
} from "./address.ts";
import { withRange } from "./address-range.ts";
import { cidrContains, cidrOf, formatCidr, parseCidr, parseInterfaceAddress } from "./cidr.ts";
import { fnv1a64 } from "./fnv1a.ts";
import { linkLocalOf, macFromBytes, macOf, macToBytes, parseMac } from "./mac.ts";
import { mergeCidrs } from "./merge-cidrs.ts";

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((bytes) => bytes[0] !== 0);

for (const { text, want } of [
  { text: "10.244.1.7", want: "10.244.1.7" },
  { text: "FD00:0:0::07", want: "fd00::7" },
  { text: "10.244.1.7/32", want: undefined },
  { text: "10.244.01.7", want: undefined },
  { text: "10.244.1", want: undefined },
  { text: "::ffff:10.0.0.1", want: undefined },
  { text: "fe80::1%eth0", want: undefined },
  { text: "", want: undefined },
  { text: "10.0.0.256", want: undefined },
  { text: " 10.0.0.1", want: undefined },
]) {
  test(`parseAddress() of ${JSON.stringify(text)} is ${want}`, () => assert.equal(parseAddress(text), want));
}

for (const { text, want } of [
  { text: "::ffff:192.0.2.1", want: "192.0.2.1" },
  { text: "0:0:0:0:0:FFFF:c000:0201", want: "192.0.2.1" },
  { text: "192.0.2.1", want: "192.0.2.1" },
  { text: "::192.0.2.1", want: "::c000:201" },
  { text: "::ffff:192.0.2.256", want: undefined },
]) {
  test(`parseUnmappedAddress() of ${JSON.stringify(text)} is ${want}`, () =>
    assert.equal(parseUnmappedAddress(text), want));
}

for (const { text, want } of [
  { text: "10.244.1.0/24", want: "10.244.1.0/24" },
  { text: "FD00::/64", want: "fd00::/64" },
  { text: "0.0.0.0/0", want: "0.0.0.0/0" },
  { text: "10.244.1.1/24", want: undefined },
  { text: "10.244.1.0/33", want: undefined },
  { text: "10.244.1.0", want: undefined },
  { text: "10.244.1.0/-1", want: undefined },
  { text: "10.244.1.0/24/1", want: undefined },
]) {
  test(`parseCidr() of ${JSON.stringify(text)} is ${want}`, () => {
    const cidr = parseCidr(text);
    assert.equal(cidr === undefined ? undefined : formatCidr(cidr), want);
  });
}

test("parseInterfaceAddress() keeps host bits", () => {
  assert.deepEqual(parseInterfaceAddress("10.244.1.1/24"), { address: "10.244.1.1", prefixLength: 24 });
});

test("addressFromBytes() inverts addressToBytes()", () => {
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), (bytes) => {
      const text = addressFromBytes(bytes);
      assert.equal(parseAddress(text), text);
      assert.deepEqual(addressToBytes(text), bytes);
    }),
  );
});

for (const text of [
  "10.244.1",
  "10.244.1.256",
  "10.244.01.7",
  "fd00::07",
  "FD00::1",
  "1:2:3:4:5:6:7",
  "::1::",
  "g::1",
]) {
  test(`addressToBytes() refuses "${text}"`, () => assert.throws(() => addressToBytes(text), RangeError));
}

test("addressFromBytes() writes IPv6 as RFC 5952 tells, like the library", () => {
  const words = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });
  const same = fc.property(words, (values) => {
    const bytes = values.flatMap((word) => [word >> 8, word & 0xff]);
    assert.equal(
      addressFromBytes(Uint8Array.from(bytes)),
      Address6.fromUnsignedByteArray(bytes).correctForm(),
    );
  });
  fc.assert(same);
});

test("addressFromNumber() inverts addressToNumber()", () => {
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), (bytes) => {
      const text = addressFromBytes(bytes);
      assert.equal(addressFromNumber(familyOf(text), addressToNumber(text)), text);
    }),
  );
});

test("fnv1a64() is the hash that its definition with 64-bit numbers gives", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      let want = 0xcbf29ce484222325n;
      for (const byte of bytes) want = BigInt.asUintN(64, (want ^ BigInt(byte)) * 0x100000001b3n);
      const { high, low } = fnv1a64(bytes);
      assert.equal((BigInt(high) << 32n) | BigInt(low), want);
    }),
  );
});

test("addressFromBytes() refuses five bytes", () => {
  assert.throws(() => addressFromBytes(new Uint8Array(5)), RangeError);
});

for (const { cidrs, want } of [
  { cidrs: [], want: [] },
  { cidrs: ["10.0.1.0/24", "10.0.0.0/24"], want: ["10.0.0.0/23"] },
  { cidrs: ["10.0.1.0/24", "10.0.2.0/24"], want: ["10.0.1.0/24", "10.0.2.0/24"] },
  { cidrs: ["10.0.0.0/16", "10.0.1.0/24", "10.0.1.0/24"], want: ["10.0.0.0/16"] },
  { cidrs: ["10.0.2.0/24", "10.0.3.0/24", "10.0.0.0/23"], want: ["10.0.0.0/22"] },
  { cidrs: ["fd00::/64", "10.0.0.0/8"], want: ["10.0.0.0/8", "fd00::/64"] },
  { cidrs: ["0.0.0.0/1", "128.0.0.0/1"], want: ["0.0.0.0/0"] },
]) {
  test(`mergeCidrs() of [${cidrs.join(", ")}] is [${want.join(", ")}]`, () => {
    const parsed = cidrs.map((text) => parseCidr(text)).filter((cidr) => cidr !== undefined);
    assert.deepEqual(mergeCidrs(parsed.map(withRange)).map(formatCidr), want);
  });
}

test("mergeCidrs() covers the same addresses with prefixes that do not overlap", () => {
  const cidr = fc.tuple(ipv4, fc.integer({ min: 1, max: 32 })).map(([bytes, length]) => {
    return cidrOf(addressFromBytes(Uint8Array.of(10, 0, (bytes[2] ?? 0) & 7, bytes[3] ?? 0)), length);
  });
  fc.assert(
    fc.property(fc.array(cidr, { maxLength: 12 }), ipv4, (cidrs, probe) => {
      const address = addressFromBytes(Uint8Array.of(10, 0, (probe[2] ?? 0) & 7, probe[3] ?? 0));
      const merged = mergeCidrs(cidrs.map(withRange));
      const covering = merged.filter((candidate) => cidrContains(candidate, address)).length;
      assert.equal(covering, cidrs.some((candidate) => cidrContains(candidate, address)) ? 1 : 0);
    }),
  );
});

test("macOf() derives a locally administered unicast address", () => {
  assert.equal(macOf("10.244.1.7"), "0a:58:0a:f4:01:07");
  assert.match(macOf("fd00::7"), /^0e(:[0-9a-f]{2}){5}$/);
});

test("parseMac() accepts what people write and refuses the rest", () => {
  assert.equal(parseMac("0A-58-0a-F4-01-07"), "0a:58:0a:f4:01:07");
  for (const text of ["", "0a:58:0a:f4:01", "0a:58:0a:f4:01:0g", "0a:58:0a:f4:01:07:08"])
    assert.equal(parseMac(text), undefined);
});

test("macFromBytes() inverts macToBytes()", () => {
  const mac = "0a:58:0a:f4:01:07";
  assert.equal(macFromBytes(macToBytes(mac)), mac);
});

test("linkLocalOf() derives the address that a pod's kernel gives itself", () => {
  assert.equal(linkLocalOf("0a:58:0a:f4:07:14"), "fe80::858:aff:fef4:714");
  assert.equal(linkLocalOf("02:00:00:00:00:00"), "fe80::ff:fe00:0");
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (mac) => {
      const [a = 0, b = 0, c = 0, ...last] = mac;
      const bytes = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 0x02, b, c, 0xff, 0xfe, ...last);
      assert.equal(linkLocalOf(macFromBytes(mac)), addressFromBytes(bytes));
    }),
  );
});

test("isMulticast() knows the groups of both families by their first bits", () => {
  for (const group of ["224.0.0.1", "239.255.255.255", "ff02::16", "ffff::1"])
    assert.ok(isMulticast(group), group);
  for (const other of ["223.255.255.255", "240.0.0.1", "fe80::1", "ff::1"])
    assert.ok(!isMulticast(other), other);
});
