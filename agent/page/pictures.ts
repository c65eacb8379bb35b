import type { CallRecord } from "../report/node-report.ts";
import { type Html, html } from "./html.ts";

/** Small pictures as SVG: the words beside them say the same. */

export function dot(): Html {
  return html`<svg width="14" height="14" aria-hidden="true"><circle class="dot" cx="7" cy="7" r="7"/></svg>`;
}

const WIDTH = 160;

/** A bar that is filled to a part, 0 to 1. */
export function share(part: number): Html {
  const width = Math.ceil(WIDTH * Math.min(1, part));
  return html`<svg width="${WIDTH}" height="6" aria-hidden="true"><rect class="fill" width="${WIDTH}" height="6" rx="3"/><rect class="part${part > 0.9 ? " full" : ""}" width="${width}" height="6" rx="3"/></svg>`;
}

const HEIGHT = 22;
const MAX_BARS = 32;

/** Times of calls, the newest on the right, on a logarithmic scale up to the slowest; failed ones are red. */
export function bars(calls: readonly CallRecord[]): Html {
  const shown = calls.slice(0, MAX_BARS).toReversed();
  const slowest = Math.max(...shown.map(({ ms }) => ms));
  const rects = shown.map(({ ms, code }, index) => {
    const height = Math.max(2, Math.round((HEIGHT * Math.log1p(ms)) / Math.log1p(slowest)));
    return html`<rect class="bar${code === 0 ? "" : " failed"}" x="${index * 5}" y="${HEIGHT - height}" width="4" height="${height}"/>`;
  });
  return html`<svg width="${WIDTH}" height="${HEIGHT}" aria-hidden="true">${rects}</svg>`;
}

/** A dot for the browser's tab. */
export function faviconOf(isReady: boolean): string {
  const colour = isReady ? "%231a7f5a" : "%23b3261e";
  return `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='${colour}'/></svg>`;
}
