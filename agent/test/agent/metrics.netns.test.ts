import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { type DocumentedMetric, documentedMetrics } from "../../testing/agent/documented-metrics.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";

let node: TestNode;
let pod: Netns;

beforeEach(async () => {
  node = makeNode();
  pod = await makeNetns();
});

afterEach(async () => {
  await pod.remove();
  await node.remove();
});

/**
 * Reads the text format of Prometheus: type of each metric, and the labels of its samples; undefined where it
 * has none.
 */
function exposedMetrics(text: string): ReadonlyMap<string, { type: string; labels: string[] | undefined }> {
  const metrics = new Map<string, { type: string; labels: string[] | undefined }>();
  for (const [, name = "", type = ""] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm))
    metrics.set(name, { type, labels: undefined });
  for (const [, sample = "", labels = ""] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const metric = metrics.get(sample) ?? metrics.get(sample.replace(/_(bucket|sum|count)$/, ""));
    assert.ok(metric !== undefined, `${sample} has no type`);
    const names = [...labels.matchAll(/(\w+)="/g)].map((match) => match[1] ?? "");
    metric.labels = names.filter((name) => name !== "le");
  }
  return metrics;
}

test("no label has a value with a space, and few series are about Node.js", async () => {
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  await runOnHost("ip", "route", "add", "10.244.1.77", "dev", "cw0", "proto", "98");
  const { text } = (await agent.get("/metrics")) ?? assert.fail();
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual(
    samples.filter((line) => / .* /.test(line)),
    [],
  );
  const internal = samples.filter((line) => line.startsWith("nodejs_"));
  assert.ok(internal.length <= 3 && internal.length > 0, internal.join("\n"));
});

test("docs/metrics.md has exactly the metrics of the shipped agent, with their types and labels", async () => {
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  await node.add("c1", pod);
  await runOnHost("nft", "flush", "table", "inet", "causeway");
  await eventually(
    "a repair is counted",
    async () => ((await agent.metric('causeway_drift_repairs_total{kind="ruleset"}')) ?? 0) > 0,
  );
  const exposed = exposedMetrics((await agent.get("/metrics"))?.text ?? "");
  const documented = documentedMetrics();
  assert.deepEqual([...exposed.keys()].toSorted(), [...documented.keys()].toSorted());
  const wrong = [...exposed].filter(([name, { type, labels }]) => {
    const row: DocumentedMetric | undefined = documented.get(name);
    if (row?.type !== type) return true;
    return labels !== undefined && row.labels.toSorted().join() !== labels.toSorted().join();
  });
  assert.deepEqual(wrong, []);
});
