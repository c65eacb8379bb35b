/** Pieces of the drawings: each gives SVG text. Lengths are in pixels of the drawing. */

/** Colours follow the reader's scheme, also where the file is shown by an `img` element. */
const STYLE = `
:root{--back:#fff;--card:#f6f7f5;--line:#b9c2bd;--text:#1d2427;--soft:#5a6669;
--own:#1a7f5a;--ownback:#e7f4ee;--w1:#1a7f5a;--w2:#2458b8;--w3:#8a3fb0;--w4:#b3541e;--w5:#9a7400;--w6:#0a7a86;--w7:#b3261e;--w8:#5a6669}
@media (prefers-color-scheme:dark){:root{--back:#14181a;--card:#1b2124;--line:#46535a;--text:#dde4e3;--soft:#9aa8a9;
--own:#4cc38f;--ownback:#16302a;--w1:#4cc38f;--w2:#7aa7ff;--w3:#cf96ee;--w4:#f0955c;--w5:#e3bd4d;--w6:#56c7d3;--w7:#ff8a80;--w8:#9aa8a9}}
svg{font:13px/1.4 system-ui,sans-serif}
.back{fill:var(--back)}
text{fill:var(--text)}.soft{fill:var(--soft);font-size:12px}.head{font-weight:600}
.card{fill:var(--card);stroke:var(--line)}.own{fill:var(--ownback);stroke:var(--own)}.frame{fill:none;stroke:var(--line);stroke-dasharray:6 4}
.bar{fill:var(--line)}.bar.own{fill:var(--own);stroke:none}
.way{fill:none;stroke-width:2.5;stroke-linejoin:round}.thin{fill:none;stroke:var(--soft);stroke-width:1.5}
.grid{stroke:var(--line);stroke-opacity:.5}.curve{fill:none;stroke:var(--c);stroke-width:1.5}.sign{fill:var(--c)}
.c0{--c:var(--w2)}.c1{--c:var(--w4)}.c2{--c:var(--w1)}.c3{--c:var(--w7)}.c4{--c:var(--w3)}.c5{--c:var(--w5)}.c6{--c:var(--w6)}.c7{--c:var(--w8)}
.stat{font-weight:600}.stat.green{fill:var(--w1)}.stat.orange{fill:var(--w4)}.stat.red{fill:var(--w7)}
`;

const WAYS = [1, 2, 3, 4, 5] as const;
export type WayNumber = (typeof WAYS)[number];

export type Point = readonly [x: number, y: number];

export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** For those who cannot see it. */
  readonly title: string;
  readonly parts: readonly string[];
}

export function drawing({ width, height, title, parts }: Drawing): string {
  const markers = WAYS.map((way) => marker(`w${way}`, `var(--w${way})`));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<defs>${[...markers, marker("thin", "var(--soft)")].join("")}</defs>
<rect class="back" width="${width}" height="${height}"/>
${parts.join("\n")}
</svg>
`;
}

export interface Box {
  readonly at: Point;
  readonly size: readonly [width: number, height: number];
  readonly head: string;
  readonly lines?: readonly string[];
  /** "own": something that Causeway makes; "frame": a space that holds others. */
  readonly kind?: "card" | "own" | "frame";
  /** Where its text is: in the middle, or at the left, where ways pass it. */
  readonly align?: "middle" | "left";
}

export function box({
  at: [x, y],
  size: [width, height],
  head,
  lines = [],
  kind = "card",
  align = "middle",
}: Box): string {
  const isFrame = kind === "frame";
  const isLeft = isFrame || align === "left";
  const anchor = isLeft ? "start" : "middle";
  const textX = isLeft ? x + 12 : x + width / 2;
  const first = isFrame ? y + 22 : y + height / 2 + 5 - lines.length * 8;
  const texts = [head, ...lines].map(
    (text, index) =>
      `<text class="${index === 0 ? "head" : "soft"}" x="${textX}" y="${first + index * 17}" text-anchor="${anchor}">${escape(text)}</text>`,
  );
  return `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="8"/>${texts.join("")}`;
}

export function label([x, y]: Point, text: string, anchor: "start" | "middle" | "end" = "start"): string {
  return `<text class="soft" x="${x}" y="${y}" text-anchor="${anchor}">${escape(text)}</text>`;
}

/** A bar of a chart, with its value behind it. */
export function bar(
  [x, y]: Point,
  { width, text, isOwn }: { readonly width: number; readonly text: string; readonly isOwn: boolean },
): string {
  const drawn = `<rect class="bar${isOwn ? " own" : ""}" x="${x}" y="${y}" width="${width.toFixed(1)}" height="14" rx="2"/>`;
  return `${drawn}${label([x + Math.round(width) + 8, y + 11], text)}`;
}

/** An arrow along the points: a packet's way by number, or a thin one. */
export function arrow(points: readonly Point[], way?: WayNumber): string {
  const name = way === undefined ? "thin" : `w${way}`;
  const stroke = way === undefined ? "" : ` style="stroke:var(--w${way})"`;
  const list = points.map((point) => point.join(",")).join(" ");
  return `<polyline class="${way === undefined ? "thin" : "way"}"${stroke} points="${list}" marker-end="url(#${name})"/>`;
}

/** A line of the legend: the colour of a way, and what it is. */
export function legend([x, y]: Point, way: WayNumber, text: string): string {
  return `<rect x="${x}" y="${y - 10}" width="22" height="5" rx="2" style="fill:var(--w${way})"/><text x="${x + 32}" y="${y - 3}">${escape(text)}</text>`;
}

function marker(id: string, colour: string): string {
  return `<marker id="${id}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z" style="fill:${colour}"/></marker>`;
}

/** Text as it may stand in an element or an attribute. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
