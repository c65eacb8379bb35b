import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { documentedMetrics } from "../../agent/testing/agent/documented-metrics.ts";
import { readAlerts, readDashboard, readPanels } from "./chart-files.ts";
import { readQuery, replaceMacros } from "./promql.ts";

/** Labels that whoever scrapes adds, and the bound of a bucket. */
const TARGET_LABELS = ["cluster", "instance", "job", "node", "pod", "le"];

/** What Prometheus itself tells of a target. */
const TARGET_METRICS = new Set(["up"]);

const documented = documentedMetrics();
const alerts = readAlerts();
const queries = readPanels().flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ where: `panel "${title}"`, expr: replaceMacros(expr) })),
);
const expressions = [...alerts.map(({ alert, expr }) => ({ where: alert, expr })), ...queries];

/** The row of a metric; the series of a histogram have names of their own. */
function rowOf(metric: string) {
  const histogram = documented.get(metric.replace(/_(bucket|sum|count)$/, ""));
  return documented.get(metric) ?? (histogram?.type === "histogram" ? histogram : undefined);
}

test("readQuery() finds names and labels, and refuses what is no PromQL", () => {
  const { metrics, labels } = readQuery('sum by (a) (rate(x{b="1"}[5m])) / ignoring (c) y > 1');
  assert.deepEqual(
    [metrics, labels],
    [
      ["x", "y"],
      ["a", "b", "c"],
    ],
  );
  assert.throws(() => readQuery("sum by (a) rate(x[5m]"), /Cannot parse/);
});

test("alerts and dashboard ask for metrics and labels that docs/metrics.md has, which is compared with the agent", () => {
  assert.ok(expressions.length > 40, "the expressions are found");
  const unknown = expressions.flatMap(({ where, expr }) => {
    const { metrics, labels } = readQuery(expr);
    assert.ok(metrics.length > 0, `${where} selects nothing`);
    const known = new Set([...TARGET_LABELS, ...metrics.flatMap((metric) => rowOf(metric)?.labels ?? [])]);
    return [
      ...metrics.filter((metric) => rowOf(metric) === undefined && !TARGET_METRICS.has(metric)),
      ...labels.filter((label) => !known.has(label)),
    ].map((name) => `${where}: ${name}`);
  });
  assert.deepEqual(unknown, []);
});

test("the dashboard shows every metric of Causeway", () => {
  const asked = new Set(
    queries.flatMap(({ expr }) => readQuery(expr).metrics.map((name) => name.replace(/_bucket$/, ""))),
  );
  const missing = [...documented.keys()].filter((name) => name.startsWith("causeway_") && !asked.has(name));
  assert.deepEqual(missing, []);
});

/** The value from which an alert of one metric and one bound fires. */
function boundOf(expr: string): number | undefined {
  const [, sign = "", bound = ""] = / (>|>=) ([\d.]+)$/.exec(expr) ?? [];
  // More than none, of what is counted, is one.
  return bound === "" ? undefined : sign === ">" && bound === "0" ? 1 : Number(bound);
}

test("panels that say that they are red as an alert are red from the value at which it fires", () => {
  const panels = readPanels().filter(({ description = "" }) => description.includes("Red as "));
  assert.ok(panels.length >= 7);
  for (const { title, description = "", fieldConfig } of panels) {
    const red = fieldConfig?.defaults.thresholds?.steps.find(({ color }) => color === "red");
    const named = alerts.filter(({ alert }) => new RegExp(`\\b${alert}\\b`).test(description));
    assert.ok(named.length > 0, title);
    for (const { alert, expr } of named) assert.equal(red?.value, boundOf(expr), `${title}: ${alert}`);
  }
});

test("every query of the dashboard is of the chosen cluster, and links lead to documents", () => {
  const everywhere = readPanels().flatMap(({ targets = [] }) =>
    targets.filter(({ expr }) =>
      [...expr.matchAll(/\b(?:causeway|process|nodejs)_\w+(.{0,11})/g)].some(
        ([, then]) => then !== '{cluster=~"',
      ),
    ),
  );
  assert.deepEqual(everywhere, []);
  const links = readDashboard().links.map(({ url }) => url);
  assert.deepEqual(links, ["docs/runbook.md", "docs/symptoms.md", "docs/metrics.md"]);
});

test("panels have a title, say what they show, and do not overlap", () => {
  const panels = readPanels();
  const taken = new Set<string>();
  for (const { id, type, title, description, gridPos } of panels) {
    assert.ok(title !== "" && (type === "row" || description !== undefined), `panel ${id}`);
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(!taken.has(`${x},${y}`), `"${title}" overlaps another panel`);
        taken.add(`${x},${y}`);
      }
    }
  }
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
});

test("every alert has its entry in docs/runbook.md, and no entry is without an alert", () => {
  const text = readFileSync(new URL("../../docs/runbook.md", import.meta.url), "utf8");
  const headings = [...text.matchAll(/^## (Causeway\w+)$/gm)].map((match) => match[1]);
  assert.deepEqual(
    headings,
    alerts.map(({ alert }) => alert),
  );
  for (const { alert, annotations } of alerts)
    assert.equal(annotations.runbook_url, `docs/runbook.md#${alert.toLowerCase()}`);
});
