/**
 * What a set of measurements looks like. A percentile is undefined where there are too few measurements for
 * it.
 */
export interface Summary {
  readonly count: number;
  readonly median: number;
  readonly p90: number | undefined;
  readonly p99: number | undefined;
  readonly min: number;
  readonly max: number;
}

/** Ratio of two medians, with the lowest and highest ratio of the medians of one round. */
export interface Ratio {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** At least one value. */
export function summarize(values: readonly number[]): Summary {
  const sorted = sortedCopy(values);
  return {
    count: sorted.length,
    median: median(sorted),
    p90: percentile(sorted, 90),
    p99: percentile(sorted, 99),
    min: at(sorted, 0),
    max: at(sorted, sorted.length - 1),
  };
}

/** Middle value, or the mean of the two in the middle. At least one value. */
export function median(values: readonly number[]): number {
  const sorted = sortedCopy(values);
  const upper = sorted.length >> 1;
  return sorted.length % 2 === 1 ? at(sorted, upper) : (at(sorted, upper - 1) + at(sorted, upper)) / 2;
}

/**
 * By nearest rank: the lowest value that `percent` of all values do not exceed. Undefined if even the highest
 * value stands for more.
 */
function percentile(sorted: readonly number[], percent: number): number | undefined {
  if (sorted.length * (100 - percent) < 100) return undefined;
  return at(sorted, Math.ceil((sorted.length * percent) / 100) - 1);
}

/**
 * How many times the baseline's median a median is, in the rounds in which both were measured, so that the
 * spread shows how far the ratio can be trusted: a machine that slows down for a while slows both.
 */
export function ratioOf(
  rounds: readonly (readonly number[])[],
  baseline: readonly (readonly number[])[],
): Ratio {
  const shared = rounds
    .map((values, round) => ({ values, base: baseline[round] ?? [] }))
    .filter(({ values, base }) => values.length > 0 && base.length > 0);
  if (shared.length === 0) throw new RangeError("Cannot compare: no round has values of both");
  const ratios = shared.map(({ values, base }) => median(values) / median(base));
  return {
    ratio: median(shared.flatMap(({ values }) => values)) / median(shared.flatMap(({ base }) => base)),
    low: Math.min(...ratios),
    high: Math.max(...ratios),
  };
}

function sortedCopy(values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError("Cannot summarize nothing: no values");
  return values.toSorted((a, b) => a - b);
}

function at(values: readonly number[], index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError(`Cannot take value ${index} of ${values.length}`);
  return value;
}
