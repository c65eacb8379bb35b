import type { PortRange, Protocol } from "../model.ts";

/** IPPROTO_* of linux/in.h. */
export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** The fewest ranges that hold the same ports, in order of protocol and number. */
export function mergePorts(ranges: readonly PortRange[]): readonly PortRange[] {
  const merged: PortRange[] = [];
  const number = ({ protocol }: PortRange): number => PROTOCOL_NUMBERS[protocol];
  for (const range of ranges.toSorted((a, b) => number(a) - number(b) || a.first - b.first)) {
    const before = merged.at(-1);
    if (before === undefined || before.protocol !== range.protocol || range.first > before.last + 1)
      merged.push(range);
    else if (range.last > before.last) merged[merged.length - 1] = { ...before, last: range.last };
  }
  return merged;
}

export function countPorts(ranges: readonly PortRange[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

/** `6 . 80` or `6 . 8000-9000`, as sets have it. */
export function formatPorts({ protocol, first, last }: PortRange): string {
  return `${PROTOCOL_NUMBERS[protocol]} . ${first === last ? first : `${first}-${last}`}`;
}

/** Each port by itself. */
export function listPorts(ranges: readonly PortRange[]): readonly string[] {
  return ranges.flatMap(({ protocol, first, last }) =>
    Array.from(
      { length: last - first + 1 },
      (_, index) => `${PROTOCOL_NUMBERS[protocol]} . ${first + index}`,
    ),
  );
}
