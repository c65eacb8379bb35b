import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressToBytes } from "./address.ts";
import { readPacket } from "./read-packet.ts";

const A4 = "10.244.1.2";
const B4 = "10.244.1.3";
const A6 = "fd00:10:244:1::2";
const B6 = "fd00:10:244:1::3";

interface Ipv4 {
  readonly protocol: number;
  readonly options?: readonly number[];
  /** Flags and offset. */
  readonly fragment?: number;
}

function ipv4({ protocol, options = [], fragment = 0 }: Ipv4, ...data: readonly number[]): Uint8Array {
  const begin = [0x40 | (5 + options.length / 4), 0, 0, 60, 0, 1, fragment >>> 8, fragment & 255, 64];
  const ends = [...addressToBytes(A4), ...addressToBytes(B4)];
  return Uint8Array.of(...begin, protocol, 0, 0, ...ends, ...options, ...data);
}

function ipv6(next: number, ...data: readonly number[]): Uint8Array {
  return Uint8Array.of(0x60, 0, 0, 0, 0, 20, next, 64, ...addressToBytes(A6), ...addressToBytes(B6), ...data);
}

const TO_8080 = [0xc0, 0x01, 0x1f, 0x90, 0, 0, 0, 0];
const ports = { source: 0xc001, destination: 8080 };

for (const { name, bytes, want } of [
  { name: "TCP", bytes: ipv4({ protocol: 6 }, ...TO_8080), want: { protocol: 6, ports } },
  {
    name: "UDP behind options",
    bytes: ipv4({ protocol: 17, options: [1, 1, 1, 0] }, ...TO_8080),
    want: { protocol: 17, ports },
  },
  { name: "SCTP", bytes: ipv4({ protocol: 132 }, ...TO_8080), want: { protocol: 132, ports } },
  {
    name: "the first fragment",
    bytes: ipv4({ protocol: 17, fragment: 0x2000 }, ...TO_8080),
    want: { protocol: 17, ports },
  },
  {
    name: "a later fragment, whose bytes are no ports",
    bytes: ipv4({ protocol: 17, fragment: 0x2005 }, ...TO_8080),
    want: { protocol: 17 },
  },
  { name: "ICMP", bytes: ipv4({ protocol: 1 }, 8, 0, 0, 0), want: { protocol: 1, icmpType: 8 } },
  { name: "a header that was cut behind the addresses", bytes: ipv4({ protocol: 6 }), want: { protocol: 6 } },
]) {
  test(`readPacket() reads ${name} of IPv4`, () => {
    const nothing = { ports: undefined, icmpType: undefined };
    assert.deepEqual(readPacket(bytes), { source: A4, destination: B4, ...nothing, ...want });
  });
}

for (const { name, bytes, want } of [
  { name: "TCP", bytes: ipv6(6, ...TO_8080), want: { protocol: 6, ports } },
  { name: "ICMPv6", bytes: ipv6(58, 128, 0, 0, 0), want: { protocol: 58, icmpType: 128 } },
  {
    name: "UDP behind hop-by-hop and destination options",
    bytes: ipv6(0, 60, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, ...TO_8080),
    want: { protocol: 17, ports },
  },
  {
    name: "TCP behind an authentication header",
    bytes: ipv6(51, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...TO_8080),
    want: { protocol: 6, ports },
  },
  {
    name: "the first fragment",
    bytes: ipv6(44, 17, 0, 0, 1, 0, 0, 0, 1, ...TO_8080),
    want: { protocol: 17, ports },
  },
  {
    name: "a later fragment, whose bytes are no ports",
    bytes: ipv6(44, 17, 0, 0, 9, 0, 0, 0, 1, ...TO_8080),
    want: { protocol: 17 },
  },
]) {
  test(`readPacket() reads ${name} of IPv6`, () => {
    const nothing = { ports: undefined, icmpType: undefined };
    assert.deepEqual(readPacket(bytes), { source: A6, destination: B6, ...nothing, ...want });
  });
}

test("readPacket() reads any bytes or gives nothing, and never hangs", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(0x45, 0x4f, 0x60), (bytes, first) => {
      const packet = readPacket(Uint8Array.of(first, ...bytes));
      assert.equal(packet === undefined, bytes.length + 1 < (first === 0x60 ? 40 : 20));
    }),
  );
  assert.equal(readPacket(Uint8Array.of(0x50)), undefined);
  assert.equal(readPacket(Uint8Array.of()), undefined);
});
