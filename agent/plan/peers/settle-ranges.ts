import { type AddressRange, rangeHolds } from "../../net/address-range.ts";

/** Who wants a range of addresses, or has one. */
export interface Contender {
  readonly range: AddressRange;
  /** A "claim" bears nobody else in its range, and nobody who holds it; all others bear each other. */
  readonly kind: string;
}

/** One range of a group, with those who were let in. */
interface Place<T> {
  readonly range: AddressRange;
  readonly outer: Place<T> | undefined;
  claim?: T;
  other?: T;
  /** The first one that was let in inside of it. */
  inside?: T;
}

/**
 * Lets in those who bear each other: in the order of `compareRank`, each unless it meets one that came
 * before. `sorted` is in the order of {@link compareRanges}. `onRefused` hears of the others, with the one in
 * the way. Takes time for those that overlap a claim alone: n log n, as prefixes are nested no deeper than
 * they have lengths.
 */
export function settleRanges<T extends Contender>(
  sorted: readonly T[],
  compareRank: (a: T, b: T) => number,
  onRefused: (contender: T, blocker: T) => void,
): void {
  let start = 0;
  let outer: AddressRange | undefined;
  let hasClaim = false;
  const settle = (end: number): void => {
    if (hasClaim && end - start > 1) settleGroup(sorted.slice(start, end), compareRank, onRefused);
  };
  for (const [index, { range, kind }] of sorted.entries()) {
    if (outer === undefined || !rangeHolds(outer, range)) {
      settle(index);
      start = index;
      outer = range;
      hasClaim = false;
    }
    hasClaim ||= kind === "claim";
  }
  settle(sorted.length);
}

/** The first of the group holds all others. */
function settleGroup<T extends Contender>(
  group: readonly T[],
  compareRank: (a: T, b: T) => number,
  onRefused: (contender: T, blocker: T) => void,
): void {
  const places = placesOf(group);
  const byRank = group.map((contender, index) => ({ contender, place: places[index] }));
  byRank.sort((a, b) => compareRank(a.contender, b.contender));
  for (const { contender, place } of byRank) {
    if (place === undefined) continue;
    const blocker = findBlocker(contender, place);
    if (blocker === undefined) letIn(contender, place);
    else onRefused(contender, blocker);
  }
}

/** A place for each contender; those of one range share one. */
function placesOf<T extends Contender>(group: readonly T[]): readonly Place<T>[] {
  let innermost: Place<T> | undefined;
  return group.map(({ range }) => {
    while (innermost !== undefined && !rangeHolds(innermost.range, range)) innermost = innermost.outer;
    if (innermost === undefined || innermost.range !== range) innermost = { range, outer: innermost };
    return innermost;
  });
}

function findBlocker<T extends Contender>({ kind }: T, place: Place<T>): T | undefined {
  const isClaim = kind === "claim";
  if (isClaim && place.inside !== undefined) return place.inside;
  for (let around: Place<T> | undefined = place; around !== undefined; around = around.outer) {
    const blocker = around.claim ?? (isClaim ? around.other : undefined);
    if (blocker !== undefined) return blocker;
  }
  // Others are inside of a claim only as single addresses, so nothing is inside of them.
  return undefined;
}

function letIn<T extends Contender>(contender: T, place: Place<T>): void {
  if (contender.kind === "claim") place.claim ??= contender;
  else place.other ??= contender;
  for (let around = place.outer; around !== undefined && around.inside === undefined; around = around.outer)
    around.inside = contender;
}
