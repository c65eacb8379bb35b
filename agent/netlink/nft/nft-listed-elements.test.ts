import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressToBytes } from "../../net/address.ts";
import { readComment, writeComment } from "./nft-comment.ts";
import { joinIntervals } from "./nft-intervals.ts";
import type { KernelElement } from "./nft-listed-elements.ts";
import { formatFields, formatType } from "./nft-values.ts";

const IPV4 = 7;
const IPV6 = 8;

function element(key: string, isEnd = false): KernelElement {
  const bytes = Buffer.from(addressToBytes(key));
  return {
    key: bytes,
    keyEnd: undefined,
    isEnd,
    value: undefined,
    verdict: undefined,
    comment: undefined,
    isOdd: false,
  };
}

for (const { name, type = IPV4, elements, texts } of [
  { name: "nothing", elements: [], texts: [] },
  { name: "the end that nft puts before the first", elements: [element("0.0.0.0", true)], texts: [] },
  {
    name: "prefixes, in any order",
    elements: [
      element("10.1.0.0", true),
      element("192.0.2.8"),
      element("10.0.0.0"),
      element("192.0.2.9", true),
    ],
    texts: ["10.0.0.0/16", "192.0.2.8"],
  },
  {
    name: "neighbours, closed by the next one or by an end of their own",
    elements: [
      element("10.0.0.0"),
      element("10.0.1.0"),
      element("10.0.1.128"),
      element("10.0.1.128", true),
      element("10.0.2.0", true),
    ],
    texts: ["10.0.0.0/24", "10.0.1.0/25", "10.0.1.128/25"],
  },
  {
    name: "what reaches to the last key, which nothing closes",
    elements: [element("224.0.0.0")],
    texts: ["224.0.0.0/3"],
  },
  { name: "everything", elements: [element("0.0.0.0")], texts: ["0.0.0.0/0"] },
  {
    name: "what is no prefix",
    elements: [
      element("10.0.0.1"),
      element("10.0.1.0", true),
      element("10.0.2.0"),
      element("10.0.2.3", true),
    ],
    texts: ["10.0.0.1-10.0.0.255", "10.0.2.0-10.0.2.2"],
  },
  {
    name: "IPv6",
    type: IPV6,
    elements: [element("ff00::"), element("fd00:1::"), element("fd00:1:0:1::", true)],
    texts: ["fd00:1::/64", "ff00::/8"],
  },
]) {
  test(`joinIntervals() reads ${name}`, () => {
    assert.deepEqual(
      joinIntervals(type, elements).map(({ text }) => text),
      texts,
    );
  });
}

test("formatFields() writes numbers for protocols and ports, and the fields of a concatenation", () => {
  const type = (IPV4 << 12) | (12 << 6) | 13;
  assert.equal(formatType(type), "ipv4_addr . inet_proto . inet_service");
  assert.equal(formatFields(type, Buffer.from("0a000001060000001f900000", "hex")), "10.0.0.1 . 6 . 8080");
  assert.equal(formatFields(13, Buffer.from("1f90", "hex")), "8080");
  assert.equal(formatFields(9, Buffer.from("0a5800000001", "hex")), "0a:58:00:00:00:01");
  assert.equal(formatFields(41, Buffer.from("cw0".padEnd(16, "\0"))), "cw0");
});

test("formatFields() writes the bytes of what it does not know, whatever they are", () => {
  const values = fc.property(fc.nat(2 ** 30), fc.uint8Array({ maxLength: 40 }), (type, bytes) => {
    assert.notEqual(formatFields(type, Buffer.from(bytes)), "");
    assert.notEqual(formatType(type), "");
  });
  fc.assert(values);
  assert.equal(formatFields(19, Buffer.from("01000000", "hex")), "0x01000000");
  assert.equal(formatFields(IPV4, Buffer.from("0a00", "hex")), "0x0a00");
  assert.equal(formatFields((IPV4 << 12) | (12 << 6) | 13, Buffer.from("0a000001", "hex")), "0x0a000001");
});

test("readComment() reads what writeComment() writes, and no other user data", () => {
  const comments = fc.property(fc.string({ maxLength: 100 }), (comment) => {
    assert.equal(readComment(Buffer.from(writeComment(comment))), comment);
  });
  fc.assert(comments);
  assert.equal(readComment(undefined), undefined);
  assert.equal(readComment(Buffer.from([1, 4, 0, 0, 0, 0])), undefined);
  assert.equal(readComment(Buffer.from([1, 1, 9, 0, 2, 0x78, 0])), "x");
  assert.doesNotThrow(() =>
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void readComment(Buffer.from(bytes)))),
  );
});
