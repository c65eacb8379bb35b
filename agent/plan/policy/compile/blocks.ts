import type { Family } from "../../../net/address.ts";
import type { PortRange, Protocol } from "../model.ts";
import { formatSpan, mergeSpans, type Span } from "./address-spans.ts";
import { formatPorts, mergePorts } from "./port-sets.ts";

/** Addresses, and the ports that they may be spoken to at; undefined: everything. */
export interface Block {
  readonly spans: readonly Span[];
  readonly ports: readonly PortRange[] | undefined;
}

/**
 * A set of addresses, with the ports beside which they count, undefined: any packet; or one whose elements
 * have ports of their own.
 */
export type BlockSet =
  | {
      readonly kind: "addresses";
      readonly elements: readonly string[];
      readonly ports: readonly PortRange[] | undefined;
    }
  | { readonly kind: "ends"; readonly elements: readonly string[] };

/**
 * A thousand blocks with ranges of ports of their own would have a million elements between them, of 1 KB of
 * the kernel's memory each.
 */
const MAX_ELEMENTS = 16_384;

/**
 * Blocks without ports are looked up by the address alone, as ports are read of no packet that is too short
 * for them, whatever its protocol. The others are in one set where few elements hold what any of them does;
 * else in one for each list of ports, so that there are never more elements than blocks and excepts.
 */
export function planBlockSets(
  blocks: readonly Block[],
  family: Family,
  maxElements = MAX_ELEMENTS,
): readonly BlockSet[] {
  const joined = joinBlocks(blocks);
  const limited = joined.filter(({ ports }) => ports !== undefined);
  const isJoint = limited.length > 0 && countElements(limited) <= maxElements;
  const apart = isJoint ? joined.filter(({ ports }) => ports === undefined) : joined;
  const sets = apart.map(({ spans, ports }): BlockSet => {
    return { kind: "addresses", elements: spans.map((span) => formatSpan(span, family)), ports };
  });
  return isJoint ? [...sets, { kind: "ends", elements: planBlockElements(limited, family) }] : sets;
}

/** Those with the same ports are one; none is without addresses. */
function joinBlocks(blocks: readonly Block[]): readonly Block[] {
  const byPorts = new Map<string, { readonly ports: Block["ports"]; readonly spans: Span[] }>();
  for (const { spans, ports } of blocks) {
    const key = ports?.map(formatPorts).join() ?? "";
    const same = byPorts.get(key) ?? { ports, spans: [] };
    byPorts.set(key, same);
    for (const span of spans) same.spans.push(span);
  }
  return [...byPorts.values()]
    .map(({ ports, spans }) => ({ ports, spans: mergeSpans(spans) }))
    .filter(({ spans }) => spans.length > 0);
}

/** At most so many, as each end of a range of ports cuts all others that hold it. */
function countElements(blocks: readonly Block[]): number {
  let count = 0;
  for (const protocol of ["TCP", "UDP", "SCTP"] as const) {
    /** By port: so many spans more, or fewer, have it than the one before. */
    const steps = new Map<number, number>();
    for (const { spans, ports = [] } of blocks)
      for (const range of ports) {
        if (range.protocol !== protocol) continue;
        steps.set(range.first, (steps.get(range.first) ?? 0) + spans.length);
        steps.set(range.last + 1, (steps.get(range.last + 1) ?? 0) - spans.length);
      }
    let holding = 0;
    for (const [, step] of [...steps].toSorted(([a], [b]) => a - b)) {
      holding += step;
      count += holding;
    }
  }
  return count;
}

/**
 * Elements `ADDRESSES . PROTOCOL . PORTS` that hold what any of the blocks does, of which no two overlap: the
 * kernel refuses those (EEXIST).
 */
function planBlockElements(blocks: readonly Block[], family: Family): readonly string[] {
  const format = createFormatSpans(family);
  const elements: string[] = [];
  for (const protocol of ["TCP", "UDP", "SCTP"] as const) {
    const sides = blocks.flatMap(({ spans, ports = [] }) =>
      ports.filter((range) => range.protocol === protocol).map((range) => ({ range, spans })),
    );
    for (const { range, spans } of cutSides(sides, protocol, format))
      for (const text of format(spans)) elements.push(`${text} . ${formatPorts(range)}`);
  }
  return elements;
}

interface Side {
  readonly range: PortRange;
  readonly spans: readonly Span[];
}

type FormatSpans = (spans: readonly Span[]) => readonly string[];

/** A block has the same addresses for each of its ranges of ports: they are written once. */
function createFormatSpans(family: Family): FormatSpans {
  const known = new WeakMap<readonly Span[], readonly string[]>();
  return (spans) => {
    const texts = known.get(spans) ?? spans.map((span) => formatSpan(span, family));
    known.set(spans, texts);
    return texts;
  };
}

/**
 * Ranges of ports cut where one begins or ends, each with all addresses that have it; neighbours with the
 * same addresses are one again.
 */
function cutSides(sides: readonly Side[], protocol: Protocol, format: FormatSpans): readonly Side[] {
  const cuts = new Set(sides.flatMap(({ range: { first, last } }) => [first, last + 1]));
  const sorted = [...cuts].toSorted((a, b) => a - b);
  const waiting = sides.toSorted((a, b) => b.range.first - a.range.first);
  let holders: readonly Side[] = [];
  const byAddresses = new Map<string, { readonly spans: readonly Span[]; readonly ranges: PortRange[] }>();
  for (const [index, first] of sorted.entries()) {
    const last = (sorted[index + 1] ?? first) - 1;
    const beginning = waiting.splice(waiting.findLastIndex(({ range }) => range.first > first) + 1);
    holders = [...holders.filter(({ range }) => first <= range.last), ...beginning];
    const [holder] = holders;
    if (holder === undefined) continue;
    const spans = holders.length === 1 ? holder.spans : mergeSpans(holders.flatMap((side) => side.spans));
    const key = format(spans).join();
    const same = byAddresses.get(key) ?? { spans, ranges: [] };
    same.ranges.push({ protocol, first, last });
    byAddresses.set(key, same);
  }
  return [...byAddresses.values()].flatMap(({ spans, ranges }) =>
    mergePorts(ranges).map((range) => ({ range, spans })),
  );
}
