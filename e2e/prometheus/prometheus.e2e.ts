import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { observeCommand, runCommand } from "../lib/command.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { testAlerts } from "./alert-tests.ts";
import { readAlerts, readPanels, RULES_FILE } from "./chart-files.ts";
import { dashboardFigures } from "./dashboard-figures.ts";
import { prometheusTool } from "./prometheus.ts";
import { replaceMacros } from "./promql.ts";
import { createWatchedLab, type WatchedLab } from "./watched-lab.ts";

describe("promtool", () => {
  test("promtool accepts the shipped rules", async () => {
    const said = await runCommand([prometheusTool("promtool"), "check", "rules", RULES_FILE.pathname]);
    assert.match(said, new RegExp(`SUCCESS: ${readAlerts().length} rules found`));
  });

  test("promtool's tests of the shipped rules pass, and there is one for each alert", async () => {
    const file = `${REPOSITORY}/e2e/prometheus/rules.test.yaml`;
    await runCommand([prometheusTool("promtool"), "test", "rules", file]);
    const text = readFileSync(file, "utf8");
    for (const { alert } of readAlerts())
      assert.match(text, new RegExp(`alertname: ${alert}\\n +exp_alerts:\\n`));
  });
});

describe("prometheus", () => {
  let lab: WatchedLab | undefined;
  const getLab = (): WatchedLab => {
    if (lab === undefined) throw new Error("The lab could not be made");
    return lab;
  };
  before(async () => {
    lab = await createWatchedLab();
  });
  after(async () => {
    await lab?.close();
  });
  test("promtool check metrics says nothing against what a real agent exposes", async () => {
    const { node } = getLab();
    const { body } = await (await node.agent()).get("/metrics");
    assert.match(body, /^causeway_ready 1$/m);
    const said = await observeCommand([prometheusTool("promtool"), "check", "metrics"], { input: body });
    assert.deepEqual(said, { code: 0, stdout: "", stderr: "" });
  });

  testAlerts(getLab);

  test("a real Prometheus answers every query of the dashboard, and has something to show in every panel", async () => {
    const { prometheus, startedS } = getLab();
    const range = { start: startedS, end: Date.now() / 1000, step: 1 };
    const answers = new Map<string, Awaited<ReturnType<typeof prometheus.queryRange>>>();
    for (const { expr } of readPanels().flatMap(({ targets = [] }) => targets)) {
      if (!answers.has(expr))
        answers.set(expr, await prometheus.queryRange(replaceMacros(expr, { interval: "15s" }), range));
    }
    const empty = readPanels()
      .filter(({ type }) => type !== "row")
      .filter(({ targets = [] }) => targets.every(({ expr }) => (answers.get(expr) ?? []).length === 0))
      .map(({ title }) => title);
    assert.deepEqual(empty, []);
    const figures = dashboardFigures(readPanels(), (expr) => answers.get(expr) ?? [], range);
    if (process.env["UPDATE_DASHBOARD"] === "1")
      writeFileSync(`${REPOSITORY}/docs/figures/dashboard.json`, `${JSON.stringify(figures)}\n`);
  });
});
