import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import type { Panel } from "./chart-files.ts";
import type { Series } from "./prometheus.ts";

/** Pixels of one unit of the dashboard's grid. */
const UNIT = { width: 50, height: 26 };
const GAP = 8;
/** Room inside of a panel for title, axes and legend. */
const MARGIN = { top: 30, right: 12, bottom: 40, left: 52 };
const COLOURS = ["#3274d9", "#e0752d", "#37872d", "#c4162a", "#8f3bb8", "#b8860b", "#0a9396", "#6c757d"];
const NOTE =
  "Panels of charts/causeway/files/dashboard.json, drawn by e2e/prometheus/draw-dashboard.ts with what a real Prometheus answered during npm run e2e:prometheus. Not a screenshot of Grafana.";

interface Range {
  readonly start: number;
  readonly end: number;
}

interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

/**
 * Draws the panels of the dashboard as one SVG picture; `answer` gives what Prometheus said to an expression.
 */
export function drawDashboard(
  panels: readonly Panel[],
  answer: (expression: string) => readonly Series[],
  range: Range,
): string {
  const bottom = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const [width, height] = [24 * UNIT.width, bottom * UNIT.height + 24];
  const drawn = panels.map((panel) => drawPanel(panel, curvesOf(panel, answer), range));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<rect width="${width}" height="${height}" fill="#f4f5f5"/>
${drawn.join("\n")}
<text x="${GAP}" y="${height - 8}" fill="#555">${escape(NOTE)}</text>
</svg>
`;
}

function curvesOf(
  { targets = [] }: Panel,
  answer: (expression: string) => readonly Series[],
): readonly Curve[] {
  return targets.flatMap(({ expr, legendFormat }) =>
    answer(expr).map(({ metric, values }) => ({
      name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ""),
      points: values
        .map(([time, value]) => [time, Number(value)] as const)
        .filter(([, value]) => Number.isFinite(value)),
    })),
  );
}

function drawPanel(panel: Panel, curves: readonly Curve[], range: Range): string {
  const { x, y, w, h } = panel.gridPos;
  const size = { width: w * UNIT.width - GAP, height: h * UNIT.height - GAP };
  const at = `transform="translate(${x * UNIT.width + GAP / 2},${y * UNIT.height + GAP / 2})"`;
  if (panel.type === "row")
    return `<text ${at} dy="14" font-size="15" font-weight="bold">${escape(panel.title.replace("$node", "127.0.0.1:9655"))}</text>`;
  const content =
    panel.type === "stat" ? drawStat(panel, curves, size) : drawCurves(panel, curves, size, range);
  return `<g ${at}><rect width="${size.width}" height="${size.height}" rx="3" fill="white" stroke="#ddd"/>
<text x="10" y="19" font-weight="bold">${escape(panel.title)}</text>${content}</g>`;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function drawStat(panel: Panel, curves: readonly Curve[], { width, height }: Size): string {
  const texts = curves.map(({ name, points }) => {
    const value = format(points.at(-1)?.[1] ?? Number.NaN, panel);
    return curves.length > 1 || panel.title === "Versions" ? `${name}: ${value}` : value;
  });
  return `<text x="${width / 2}" y="${height / 2 + 20}" text-anchor="middle" font-size="26" fill="#37872d">${escape(texts.join("  "))}</text>`;
}

function drawCurves(panel: Panel, curves: readonly Curve[], size: Size, range: Range): string {
  const [left, right] = [MARGIN.left, size.width - MARGIN.right];
  const [top, bottom] = [MARGIN.top, size.height - MARGIN.bottom];
  const highest = Math.max(0, ...curves.flatMap(({ points }) => points.map(([, value]) => value)));
  const scaleX = scaleLinear([0, range.end - range.start], [left, right]);
  const scaleY = scaleLinear([0, highest === 0 ? 1 : highest * 1.05], [bottom, top]).nice(4);
  const draw = line<readonly [number, number]>(
    ([time]) => scaleX(time - range.start),
    ([, value]) => scaleY(value),
  ).digits(1);
  const rows = scaleY.ticks(4).map((value) => {
    const y = scaleY(value).toFixed(1);
    return `<path d="M${left},${y}H${right}" stroke="#eee"/><text x="${left - 6}" y="${y}" dy="4" text-anchor="end" fill="#666">${format(value, panel)}</text>`;
  });
  const columns = scaleX.ticks(5).map((seconds) => {
    return `<text x="${scaleX(seconds).toFixed(1)}" y="${bottom + 14}" text-anchor="middle" fill="#666">${seconds} s</text>`;
  });
  const lines = curves.map(({ points }, index) => {
    return `<path d="${draw(points) ?? ""}" fill="none" stroke="${colourOf(index)}" stroke-width="1.5"/>`;
  });
  const legend = curves.map(
    ({ name }, index) => `<tspan fill="${colourOf(index)}">■ </tspan>${escape(name)}  `,
  );
  const names = `<text x="10" y="${size.height - 8}" font-size="10" xml:space="preserve">${legend.join("")}</text>`;
  return [...rows, ...columns, ...lines, names].join("");
}

function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? "black";
}

/** A value in the panel's unit, to three digits. */
function format(value: number, { fieldConfig }: Panel): string {
  const unit = fieldConfig?.defaults.unit;
  if (!Number.isFinite(value)) return "no data";
  const number = (factor: number): string => String(Number((value * factor).toPrecision(3)));
  if (unit === "percentunit") return `${number(100)} %`;
  if (unit === "s") return value < 1 && value > 0 ? `${number(1000)} ms` : `${number(1)} s`;
  return number(1);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
