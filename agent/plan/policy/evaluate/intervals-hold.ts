import { parseSpan, type Span } from "../compile/address-spans.ts";
import type { PolicySet } from "../compile/policy-table.ts";

/** Elements of a set as numbers: an interval for each field. */
interface Reading {
  readonly revision: number;
  readonly rows: readonly (readonly Span[])[];
}

const readings = new WeakMap<PolicySet, Reading>();

/** Whether a key, its fields joined by ` . `, lies in one of the intervals of a set. */
export function intervalsHold(set: PolicySet, key: string): boolean {
  const fields = readFields(key);
  return rowsOf(set).some((row) =>
    row.every(({ first, last }, index) => {
      const value = fields[index]?.first ?? -1n;
      return first <= value && value <= last;
    }),
  );
}

/** Read once for as long as the set has the same elements. */
function rowsOf(set: PolicySet): Reading["rows"] {
  const known = readings.get(set);
  if (known?.revision === set.revision) return known.rows;
  const rows = [...set.elements.keys()].map(readFields);
  readings.set(set, { revision: set.revision, rows });
  return rows;
}

function readFields(text: string): readonly Span[] {
  return text.split(" . ").map((field) => (/[.:]/.test(field) ? parseSpan(field) : parseNumbers(field)));
}

function parseNumbers(text: string): Span {
  const [first = "", last = first] = text.split("-");
  return { first: BigInt(first), last: BigInt(last) };
}
