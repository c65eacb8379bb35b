import type { Family } from "../../../net/address.ts";
import type { PortRange, Protocol } from "../model.ts";
import { formatSpan, mergeSpans, type Span, subtractSpans } from "./address-spans.ts";
import { formatPorts, mergePorts } from "./port-sets.ts";

/** Addresses, and the ports that they may be spoken to at; undefined: everything. */
export interface Block {
  readonly spans: readonly Span[];
  readonly ports: readonly PortRange[] | undefined;
}

/** Every protocol and, where it has any, every port. */
const ALL_PROTOCOLS = "0-255 . 0-65535";

/**
 * Elements `ADDRESSES . PROTOCOL . PORTS` that hold what any of the blocks does, of which no two overlap: the
 * kernel refuses those (EEXIST).
 */
export function planBlockElements(blocks: readonly Block[], family: Family): readonly string[] {
  const open = mergeSpans(blocks.flatMap(({ spans, ports }) => (ports === undefined ? spans : [])));
  const elements = open.map((span) => `${formatSpan(span, family)} . ${ALL_PROTOCOLS}`);
  for (const protocol of ["TCP", "UDP", "SCTP"] as const) {
    const sides = blocks.flatMap(({ spans, ports = [] }) =>
      ports.filter((range) => range.protocol === protocol).map((range) => ({ range, spans })),
    );
    for (const { range, spans } of cutSides(sides, protocol))
      for (const span of subtractSpans(spans, open))
        elements.push(`${formatSpan(span, family)} . ${formatPorts(range)}`);
  }
  return elements;
}

interface Side {
  readonly range: PortRange;
  readonly spans: readonly Span[];
}

/**
 * Ranges of ports cut where one begins or ends, each with all addresses that have it; neighbours with the
 * same addresses are one again.
 */
function cutSides(sides: readonly Side[], protocol: Protocol): readonly Side[] {
  const cuts = new Set(sides.flatMap(({ range: { first, last } }) => [first, last + 1]));
  const sorted = [...cuts].toSorted((a, b) => a - b);
  const waiting = sides.toSorted((a, b) => b.range.first - a.range.first);
  let holders: readonly Side[] = [];
  const byAddresses = new Map<string, { readonly spans: readonly Span[]; readonly ranges: PortRange[] }>();
  for (const [index, first] of sorted.entries()) {
    const last = (sorted[index + 1] ?? first) - 1;
    const beginning = waiting.splice(waiting.findLastIndex(({ range }) => range.first > first) + 1);
    holders = [...holders.filter(({ range }) => first <= range.last), ...beginning];
    if (holders.length === 0) continue;
    const spans = mergeSpans(holders.flatMap((side) => side.spans));
    const key = spans.map((span) => `${span.first}-${span.last}`).join();
    const same = byAddresses.get(key) ?? { spans, ranges: [] };
    same.ranges.push({ protocol, first, last });
    byAddresses.set(key, same);
  }
  return [...byAddresses.values()].flatMap(({ spans, ranges }) =>
    mergePorts(ranges).map((range) => ({ range, spans })),
  );
}
