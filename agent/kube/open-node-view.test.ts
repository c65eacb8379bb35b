import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startApiServer } from "../testing/api-server.ts";
import { eventually } from "../testing/eventually.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { writeKubeconfig } from "../testing/kubeconfig.ts";
import { createRecordingLog } from "../testing/recording-log.ts";
import { type OpenedNodeView, type OpenNodeViewInput, openNodeView } from "./open-node-view.ts";
import { ownNode } from "./own-node.ts";

const REPORT = { type: "Warning", reason: "Test", action: "Test", note: "a note" } as const;

type Config = Omit<OpenNodeViewInput["config"], "standalone" | "nodeCondition"> & { nodeCondition?: boolean };

function open(t: TestContext, config: (folder: string) => Config): OpenedNodeView {
  const folder = mkdtempSync(join(tmpdir(), "causeway-view-"));
  const clock = createFakeClock();
  const settings = {
    nodesFile: undefined,
    kubeconfig: undefined,
    apiServer: undefined,
    nodeCondition: false,
    ...config(folder),
  };
  const source = openNodeView({
    config: { ...settings, standalone: settings.nodesFile !== undefined },
    version: "1.2.3",
    onChange: () => undefined,
    log: createRecordingLog(),
    clock,
  });
  t.after(async () => {
    await source.close();
    assert.equal(clock.pending(), 0);
    rmSync(folder, { recursive: true });
  });
  void clock.advance(0);
  return source;
}

test("openNodeView() follows all nodes, at the given API server, and reports events on it", async (t) => {
  const server = await startApiServer();
  t.after(server.close);
  server.store.put({ name: "other", podCIDRs: ["10.1.0.0/24"] });
  server.store.put({ name: "me", podCIDRs: [] });
  const { view, report } = open(t, (folder) => {
    const kubeconfig = join(folder, "kubeconfig");
    // The address of the kubeconfig is not reachable before kube-proxy runs.
    writeKubeconfig({ path: kubeconfig, server: "http://192.0.2.1", user: { token: "secret" } });
    return { nodeName: "me", kubeconfig, apiServer: server.url };
  });
  await eventually("the node is there", view.isComplete, view.fault);
  assert.equal(ownNode(view, "me").kind, "unassigned");
  assert.deepEqual([...view.nodes().keys()], ["me", "other"]);
  report(REPORT);
  await eventually("the event arrived", () => server.events.length === 1);
  assert.deepEqual(server.events[0]?.["regarding"], {
    apiVersion: "v1",
    kind: "Node",
    name: "me",
    uid: view.nodes().get("me")?.uid,
  });
  assert.equal(server.requests[0]?.userAgent, "causeway/1.2.3");
  await eventually("a watch is open", () => server.watchers() === 1);
  server.store.put({ name: "me", podCIDRs: ["10.2.0.0/24"] });
  await eventually("the prefix came", () => ownNode(view, "me").kind === "assigned");
});

test("openNodeView() takes all nodes of the file in standalone mode; events go nowhere", async (t) => {
  const { view, report } = open(t, (folder) => {
    const nodesFile = join(folder, "nodes.yaml");
    writeFileSync(nodesFile, "[{name: me, podCIDRs: [10.2.0.0/24]}, {name: other}]");
    return { nodeName: "me", nodesFile };
  });
  await eventually("the file is read", view.isComplete, view.fault);
  assert.deepEqual([...view.nodes().keys()], ["me", "other"]);
  report(REPORT);
});

for (const { nodeCondition, patches } of [
  { nodeCondition: true, patches: 1 },
  { nodeCondition: false, patches: 0 },
]) {
  test(`openNodeView() ${nodeCondition ? "writes" : "never writes"} the Node's condition when it is ${nodeCondition ? "" : "not "}told to`, async (t) => {
    const server = await startApiServer();
    t.after(server.close);
    server.store.put({ name: "me", podCIDRs: [] });
    const { view, ready, report } = open(t, (folder) => {
      const kubeconfig = join(folder, "kubeconfig");
      writeKubeconfig({ path: kubeconfig, server: server.url, user: { token: "secret" } });
      return { nodeName: "me", kubeconfig, nodeCondition };
    });
    await eventually("the node is there", view.isComplete, view.fault);
    ready();
    report(REPORT);
    await eventually("what was sent has arrived", () => server.events.length === 1);
    await eventually("the condition is as configured", () => server.patches.length === patches);
  });
}
