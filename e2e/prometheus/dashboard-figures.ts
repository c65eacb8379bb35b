import type { Panel } from "./chart-files.ts";
import type { Series } from "./prometheus.ts";

/** A series of a panel. */
export interface Curve {
  readonly name: string;
  /** Seconds since the start, and the value. */
  readonly points: readonly (readonly [seconds: number, value: number])[];
}

/** What a real Prometheus answered to the dashboard's queries; docs/pictures/dashboard.svg shows it. */
export interface DashboardFigures {
  readonly date: string;
  readonly seconds: number;
  /** By the panel's ID. */
  readonly curves: Readonly<Record<string, readonly Curve[]>>;
}

/** Points of a curve: more cannot be seen. */
const MOST_POINTS = 90;

/** The figures of all panels; `answer` gives what Prometheus said to an expression. */
export function dashboardFigures(
  panels: readonly Panel[],
  answer: (expression: string) => readonly Series[],
  range: { readonly start: number; readonly end: number },
): DashboardFigures {
  const curves = panels
    .filter(({ type }) => type !== "row")
    .map((panel) => [panel.id, curvesOf(panel, answer, range.start)] as const);
  return {
    date: new Date(range.end * 1000).toISOString().slice(0, 10),
    seconds: Math.round(range.end - range.start),
    curves: Object.fromEntries(curves),
  };
}

function curvesOf(
  { targets = [] }: Panel,
  answer: (expression: string) => readonly Series[],
  start: number,
): readonly Curve[] {
  return targets.flatMap(({ expr, legendFormat }) =>
    answer(expr).map(({ metric, values }) => {
      const every = Math.ceil(values.length / MOST_POINTS);
      return {
        name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ""),
        points: values
          .filter((_, index) => (values.length - 1 - index) % every === 0)
          .map(([time, value]) => [Math.round(time - start), Number(Number(value).toPrecision(4))] as const)
          .filter(([, value]) => Number.isFinite(value)),
      };
    }),
  );
}
