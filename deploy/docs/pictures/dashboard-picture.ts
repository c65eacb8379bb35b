import { readFileSync } from "node:fs";
import { join } from "node:path";
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { type Panel, readPanels } from "../../../e2e/prometheus/chart-files.ts";
import type { Curve, DashboardFigures } from "../../../e2e/prometheus/dashboard-figures.ts";
import { drawLegend, layOutLegend } from "./curve-legend.ts";
import { type Box, GAP, NARROW, placeByGrid, type Size, stack, WIDE, wrap } from "./dashboard-layout.ts";
import { drawing, escape } from "./svg.ts";

const FIGURES = join(import.meta.dirname, "..", "..", "..", "docs", "figures", "dashboard.json");
/** Of an average character, with some to spare. */
const CHARACTER_WIDTH = 7;
/** Room inside of a panel for its title and its axes. */
const MARGIN = { top: 32, right: 16, bottom: 24, left: 56 };

/**
 * The panels of the chart's dashboard with what `npm run e2e:prometheus` has kept of their series. A panel
 * that was added since then says so.
 */
export const drawDashboard = (): string => drawPanels(WIDE, placeByGrid);

/** The same for a phone, where Grafana stacks the panels. */
export const drawNarrowDashboard = (): string => drawPanels(NARROW, stack);

function drawPanels(width: number, place: (panels: readonly Panel[]) => readonly Box[]): string {
  const figures = JSON.parse(readFileSync(FIGURES, "utf8")) as DashboardFigures;
  const panels = readPanels();
  const boxes = place(panels);
  const bottom = Math.max(...boxes.map(({ y, height }) => y + height)) + GAP;
  const note = `Not a screenshot of Grafana: the panels, drawn with what a real Prometheus had of a real agent on ${figures.date}, while faults were injected into its node.`;
  const lines = wrap(note, (width - 2 * GAP) / CHARACTER_WIDTH);
  return drawing({
    width,
    height: bottom + 20 + 16 * lines.length,
    title: "Panels of Causeway's dashboard for Grafana",
    parts: [
      ...panels.map((panel, index) => drawPanel(panel, boxes[index], figures)),
      ...lines.map(
        (text, index) =>
          `<text class="soft" x="${GAP}" y="${bottom + 20 + 16 * index}">${escape(text)}</text>`,
      ),
    ],
  });
}

function drawPanel(panel: Panel, box: Box | undefined, figures: DashboardFigures): string {
  if (box === undefined) return "";
  const at = `transform="translate(${box.x},${box.y})"`;
  if (panel.type === "row")
    return `<g ${at}><text class="head" x="0" y="18">${escape(panel.title.replace("$node", "127.0.0.1:9655"))}</text></g>`;
  const curves = figures.curves[panel.id];
  const show = panel.type === "stat" ? drawStat : drawCurves;
  const content =
    curves === undefined
      ? `<text class="soft" x="12" y="44">not recorded yet</text>`
      : show(panel, curves, box, figures.seconds);
  return `<g ${at}><rect class="card" x="0" y="0" width="${box.width}" height="${box.height}" rx="4"/>
<text class="head" x="12" y="20" style="font-size:${titleSize(panel.title, box)}px">${escape(panel.title)}</text>${content}</g>`;
}

/** What fits into one line: a bold character is 0.6 as wide as high. */
function titleSize(title: string, { width }: Size): number {
  return Math.min(13, Math.floor((10 * (width - 20)) / (0.6 * title.length)) / 10);
}

/** The last value of each series; the threshold that it has reached decides the colour. */
function drawStat(panel: Panel, curves: readonly Curve[], { width, height }: Size): string {
  const values = curves.map(({ points }) => points.at(-1)?.[1] ?? Number.NaN);
  const texts = values.map((value, index) => {
    const name = panel.title === "Versions" ? `${curves[index]?.name}: ` : "";
    return `${name}${format(value, panel)}`;
  });
  const steps = panel.fieldConfig?.defaults.thresholds?.steps ?? [];
  const colour = steps.findLast(({ value }) => value === null || value <= Math.max(...values))?.color;
  const text = texts.join("  ");
  const fontSize = text.length > 12 ? 16 : 26;
  return `<text class="stat ${colour ?? "green"}" x="${width / 2}" y="${height / 2 + 20}" text-anchor="middle" style="font-size:${fontSize}px">${escape(text)}</text>`;
}

function drawCurves(panel: Panel, curves: readonly Curve[], size: Size, seconds: number): string {
  const legend = layOutLegend(
    curves.map(({ name }) => name),
    size.width - 24,
  );
  const [left, right] = [MARGIN.left, size.width - MARGIN.right];
  const [top, bottom] = [MARGIN.top, size.height - MARGIN.bottom - legend.height];
  const highest = Math.max(0, ...curves.flatMap(({ points }) => points.map(([, value]) => value)));
  const max = panel.fieldConfig?.defaults.max;
  const scaleX = scaleLinear([0, seconds], [left, right]);
  const scaleY = scaleLinear([0, max ?? (highest === 0 ? 1 : highest * 1.05)], [bottom, top]).nice(4);
  const draw = line<readonly [number, number]>(
    ([time]) => scaleX(time),
    ([, value]) => scaleY(value),
  ).digits(1);
  const rows = scaleY.ticks(4).map((value) => {
    const y = scaleY(value).toFixed(1);
    return `<path class="grid" d="M${left},${y}H${right}"/><text class="soft" x="${left - 6}" y="${Number(y) + 4}" text-anchor="end">${format(value, panel)}</text>`;
  });
  const columns = scaleX.ticks(5).map((value) => {
    return `<text class="soft" x="${scaleX(value).toFixed(1)}" y="${bottom + 16}" text-anchor="middle">${value} s</text>`;
  });
  const lines = curves.map(
    ({ points }, index) => `<path class="curve c${index % 8}" d="${draw(points) ?? ""}"/>`,
  );
  return [...rows, ...columns, ...lines, drawLegend(legend, [12, bottom + 34])].join("");
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
