/** Words that differ by more letters than this are different words. */
const MAX_DISTANCE = 2;

/** The word that was probably meant, if there is one. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const [best] = words
    .map((other) => ({ other, distance: distanceOf(word, other) }))
    .toSorted((one, two) => one.distance - two.distance);
  return best !== undefined && best.distance <= MAX_DISTANCE ? best.other : undefined;
}

/** How many letters must be put in, taken out or replaced (Levenshtein). */
function distanceOf(word: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [line, letter] of word.split("").entries()) {
    const next = [line + 1];
    for (const [column, wanted] of other.split("").entries()) {
      const replaced = (row[column] ?? 0) + (letter === wanted ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
