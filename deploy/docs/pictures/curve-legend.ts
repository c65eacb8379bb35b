import { escape, type Point } from "./svg.ts";

/** Of the legend's text, which has 12 px: an upper bound, since a reader's font is not known. */
const CHARACTER = 6.6;
/** The colour's square before a name, and the gap behind it. */
const SIGN = 14;
const GAP = 12;
const ROW = 16;
const MOST_ROWS = 3;

interface Entry {
  readonly name: string;
  readonly x: number;
  readonly row: number;
}

/** Where each name of a legend stands. */
export interface Legend {
  readonly entries: readonly Entry[];
  readonly height: number;
}

/** Lays names out in rows of that width; what has no room in three rows is counted in the last entry. */
export function layOutLegend(names: readonly string[], width: number): Legend {
  const entries: Entry[] = [];
  let [x, row] = [0, 0];
  for (const [index, name] of names.entries()) {
    const rest = names.length - index - 1;
    const more = rest > 0 ? `and ${rest + 1} more` : name;
    const isLast = row === MOST_ROWS - 1 && x + widthOf(name) + (rest > 0 ? widthOf(more) : 0) > width;
    if (isLast && rest > 0) {
      entries.push({ name: more, x, row });
      break;
    }
    if (x > 0 && x + widthOf(name) > width) [x, row] = [0, row + 1];
    entries.push({ name: shorten(name, width), x, row });
    x += widthOf(name);
  }
  return { entries, height: entries.length === 0 ? 0 : ((entries.at(-1)?.row ?? 0) + 1) * ROW };
}

export function drawLegend({ entries }: Legend, [left, top]: Point): string {
  return entries
    .map(({ name, x, row }, index) => {
      const y = top + row * ROW;
      const isCount = name.startsWith("and ");
      const sign = isCount
        ? ""
        : `<rect class="sign c${index % 8}" x="${left + x}" y="${y - 8}" width="9" height="9"/>`;
      return `${sign}<text class="soft" x="${left + x + SIGN}" y="${y}">${escape(name)}</text>`;
    })
    .join("");
}

function widthOf(name: string): number {
  return SIGN + name.length * CHARACTER + GAP;
}

function shorten(name: string, width: number): string {
  const most = Math.floor((width - SIGN) / CHARACTER);
  return name.length <= most ? name : `${name.slice(0, most - 1)}…`;
}
