import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressFromNumber, addressToNumber, type Family, familyOf } from "../../net/address.ts";
import { addressBits, type Cidr, cidrContains, cidrOf } from "../../net/cidr.ts";
import { formatSpan, parseSpan, spansOfNetworks } from "./compile/address-spans.ts";
import { type BlockSet, planBlockSets } from "./compile/blocks.ts";
import type { Network, PortRange } from "./model.ts";

/** Prefixes and addresses that often meet: all in the first or the last few of a family. */
function addressOf(family: Family): fc.Arbitrary<string> {
  const end = (1n << BigInt(addressBits(family))) - 1n;
  return fc
    .tuple(fc.nat(40), fc.boolean())
    .map(([offset, isLow]) => addressFromNumber(family, isLow ? BigInt(offset) : end - BigInt(offset)));
}

function cidr(family: Family): fc.Arbitrary<Cidr> {
  const bits = addressBits(family);
  return fc
    .tuple(addressOf(family), fc.oneof(fc.integer({ min: bits - 6, max: bits }), fc.constantFrom(0, 1)))
    .map(([address, length]) => cidrOf(address, length));
}

const anyCidr = fc.oneof(cidr(4), cidr(6));

const networks: fc.Arbitrary<readonly Network[]> = fc.array(
  fc.record({ cidr: anyCidr, except: fc.array(anyCidr, { maxLength: 3 }) }),
  { maxLength: 3 },
);

const ranges: fc.Arbitrary<readonly PortRange[]> = fc.array(
  fc.record({
    protocol: fc.constantFrom("TCP" as const, "UDP" as const),
    first: fc.integer({ min: 0, max: 12 }),
    last: fc.integer({ min: 12, max: 20 }),
  }),
  { minLength: 1, maxLength: 3 },
);

const terms = fc.array(fc.record({ networks, ports: fc.option(ranges, { nil: undefined }) }), {
  maxLength: 5,
});

function holds(block: Network, address: string): boolean {
  return cidrContains(block.cidr, address) && !block.except.some((hole) => cidrContains(hole, address));
}

/** Fields of an element as numbers. */
function readElement(element: string): readonly { readonly first: bigint; readonly last: bigint }[] {
  const [addresses = "", ...numbers] = element.split(" . ");
  const parsed = numbers.map((text) => text.split("-").map(BigInt));
  return [parseSpan(addresses), ...parsed.map(([first = 0n, last = first]) => ({ first, last }))];
}

const PROTOCOLS = { TCP: 6, UDP: 17, SCTP: 132 } as const;

interface BlockProbe {
  readonly address: string;
  readonly protocol: keyof typeof PROTOCOLS;
  readonly port: number;
}

function isInRanges(list: readonly PortRange[] | undefined, { protocol, port }: BlockProbe): boolean {
  return (
    list === undefined ||
    list.some((range) => range.protocol === protocol && range.first <= port && port <= range.last)
  );
}

/** Elements of a set that a packet is in. */
function holding(set: BlockSet, probe: BlockProbe): readonly string[] {
  const key = [addressToNumber(probe.address), BigInt(PROTOCOLS[probe.protocol]), BigInt(probe.port)];
  const isIn = (element: string): boolean =>
    readElement(element).every(
      ({ first, last }, index) => first <= (key[index] ?? -1n) && (key[index] ?? -1n) <= last,
    );
  return set.kind === "ends" || isInRanges(set.ports, probe) ? set.elements.filter(isIn) : [];
}

test("sets of blocks hold what the blocks do, in one set or more, and no two elements of one overlap (calico#12851)", () => {
  const probe = fc.constantFrom<Family>(4, 6).chain((family) =>
    fc.record({
      address: addressOf(family),
      protocol: fc.constantFrom("TCP", "UDP", "SCTP"),
      port: fc.nat(22),
    }),
  );
  fc.assert(
    fc.property(
      terms,
      fc.array(probe, { minLength: 20, maxLength: 20 }),
      fc.constantFrom(0, 2, 1000),
      (given, probes, max) => {
        for (const one of probes) {
          const family = familyOf(one.address);
          const blocks = given.map((term) => ({
            spans: spansOfNetworks(term.networks, family),
            ports: term.ports,
          }));
          const counts = planBlockSets(blocks, family, max).map((set) => holding(set, one).length);
          const want = given.some(
            (term) => term.networks.some((block) => holds(block, one.address)) && isInRanges(term.ports, one),
          );
          assert.equal(counts.includes(1), want);
          assert.ok(Math.max(0, ...counts) <= 1);
        }
      },
    ),
  );
});

test("blocks without ports are looked up by the address, whatever else there is of a packet", () => {
  const blocks = [
    { spans: [parseSpan("10.0.0.0/8")], ports: undefined },
    { spans: [parseSpan("10.1.0.0/16")], ports: [{ protocol: "TCP" as const, first: 80, last: 65_535 }] },
  ];
  assert.deepEqual(planBlockSets(blocks, 4), [
    { kind: "addresses", elements: ["10.0.0.0/8"], ports: undefined },
    { kind: "ends", elements: ["10.1.0.0/16 . 6 . 80-65535"] },
  ]);
});

test("formatSpan() writes what parseSpan() reads, prefixes as such", () => {
  const span = fc
    .constantFrom<Family>(4, 6)
    .chain((family) => fc.tuple(fc.constant(family), addressOf(family), addressOf(family)));
  fc.assert(
    fc.property(span, ([family, a, b]) => {
      const [first, last] = [addressToNumber(a), addressToNumber(b)].toSorted((x, y) => (x < y ? -1 : 1));
      const whole = { first: first ?? 0n, last: last ?? 0n };
      assert.deepEqual(parseSpan(formatSpan(whole, family)), whole);
    }),
  );
  assert.equal(formatSpan(parseSpan("10.0.0.0/8"), 4), "10.0.0.0/8");
  assert.equal(formatSpan(parseSpan("0.0.0.0/0"), 4), "0.0.0.0/0");
  assert.equal(formatSpan(parseSpan("::/0"), 6), "::/0");
});

test("a block without addresses that are left has no elements", () => {
  const whole = { cidr: cidrOf("10.0.0.0", 8), except: [cidrOf("0.0.0.0", 0)] };
  assert.deepEqual(spansOfNetworks([whole], 4), []);
});
