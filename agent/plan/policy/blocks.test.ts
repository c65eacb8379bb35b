import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressFromNumber, addressToNumber, type Family } from "../../net/address.ts";
import { addressBits, type Cidr, cidrContains, cidrOf } from "../../net/cidr.ts";
import { formatSpan, parseSpan, spansOfNetworks } from "./compile/address-spans.ts";
import { planBlockElements, planBlockSets } from "./compile/blocks.ts";
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

test("elements of blocks hold what the blocks do, and no two of them overlap (calico#12851)", () => {
  const probe = fc.constantFrom<Family>(4, 6).chain((family) =>
    fc.record({
      family: fc.constant(family),
      address: addressOf(family),
      protocol: fc.constantFrom("TCP", "UDP", "SCTP"),
      port: fc.nat(22),
    }),
  );
  fc.assert(
    fc.property(terms, fc.array(probe, { minLength: 20, maxLength: 20 }), (given, probes) => {
      for (const { family, address, protocol, port } of probes) {
        const blocks = given.map((term) => ({
          spans: spansOfNetworks(term.networks, family),
          ports: term.ports,
        }));
        const elements = planBlockElements(blocks, family).map(readElement);
        const number = { TCP: 6n, UDP: 17n, SCTP: 132n }[protocol] ?? 0n;
        const key = [addressToNumber(address), number, BigInt(port)];
        const holding = elements.filter((element) =>
          element.every(
            ({ first, last }, index) => first <= (key[index] ?? -1n) && (key[index] ?? -1n) <= last,
          ),
        );
        const want = given.some(
          (term) =>
            term.networks.some((block) => holds(block, address)) &&
            (term.ports === undefined ||
              term.ports.some(
                (range) => range.protocol === protocol && range.first <= port && port <= range.last,
              )),
        );
        assert.equal(holding.length, want ? 1 : 0);
      }
    }),
  );
});

test("sets of blocks hold what the blocks do, be it one set or one for each list of ports", () => {
  const end = fc
    .constantFrom<Family>(4, 6)
    .chain((family) => fc.tuple(fc.constant(family), addressOf(family)));
  fc.assert(
    fc.property(
      terms,
      end,
      fc.nat(22),
      fc.constantFrom(0, 2, 1000),
      (given, [family, address], port, max) => {
        const blocks = given.map((term) => ({
          spans: spansOfNetworks(term.networks, family),
          ports: term.ports,
        }));
        const sets = planBlockSets(blocks, family, max);
        const key = [addressToNumber(address), 6n, BigInt(port)];
        const isInRanges = (list: readonly PortRange[]): boolean =>
          list.some(({ protocol, first, last }) => protocol === "TCP" && first <= port && port <= last);
        const isHeld = sets.some(
          ({ elements, ports }) =>
            (ports === undefined || isInRanges(ports)) &&
            elements
              .map(readElement)
              .some((element) =>
                element.every(
                  ({ first, last }, index) => first <= (key[index] ?? -1n) && (key[index] ?? -1n) <= last,
                ),
              ),
        );
        const want = given.some(
          (term) =>
            term.networks.some((block) => holds(block, address)) &&
            (term.ports === undefined || isInRanges(term.ports)),
        );
        assert.equal(isHeld, want);
      },
    ),
  );
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
