import type { Panel } from "../../../e2e/prometheus/chart-files.ts";

/** Pixels of one unit of the dashboard's grid, which has 24 columns. */
const UNIT = { width: 50, height: 28 };
export const GAP = 8;
export const WIDE = 24 * UNIT.width + GAP;
/** A phone's. */
export const NARROW = 375;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Where a panel is in the picture, in pixels. */
export interface Box extends Size {
  readonly x: number;
  readonly y: number;
}

export function placeByGrid(panels: readonly Panel[]): readonly Box[] {
  return panels.map(({ gridPos: { x, y, w, h } }) => ({
    x: x * UNIT.width + GAP,
    y: y * UNIT.height + GAP / 2,
    width: w * UNIT.width - GAP,
    height: h * UNIT.height - GAP,
  }));
}

/** One panel below the other, single numbers side by side in twos. */
export function stack(panels: readonly Panel[]): readonly Box[] {
  const half = (NARROW - 3 * GAP) / 2;
  let y = GAP / 2;
  let isBeside = false;
  return panels.map(({ type, gridPos }, index) => {
    const height = gridPos.h * UNIT.height - GAP;
    const isHalf = type === "stat";
    const box = {
      x: isBeside ? half + 2 * GAP : GAP,
      y,
      width: isHalf ? half : NARROW - 2 * GAP,
      height,
    };
    isBeside = isHalf && !isBeside && panels[index + 1]?.type === "stat";
    if (!isBeside) y += height + GAP;
    return box;
  });
}

/** Lines of so many characters at most. */
export function wrap(text: string, width: number): readonly string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`.trim();
  }
  return lines;
}
