import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startApiServer } from "../../testing/kube/api-server.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { createRecordingLog } from "../../testing/recording-log.ts";
import { type OpenedNodeView, type OpenNodeViewInput, openNodeView } from "./open-node-view.ts";
import { ownNode } from "./own-node.ts";

const REPORT = { type: "Warning", reason: "Test", action: "Test", note: "a note" } as const;

type Config = Omit<OpenNodeViewInput["config"], "standalone" | "nodeEvents" | "nodeCondition"> & {
  nodeEvents?: boolean;
  nodeCondition?: boolean;
};

function open(t: TestContext, config: (folder: string) => Config): OpenedNodeView {
  const folder = mkdtempSync(join(tmpdir(), "causeway-view-"));
  const clock = createFakeClock();
  const settings = {
    nodesFile: undefined,
    kubeconfig: undefined,
    apiServer: undefined,
    nodeEvents: true,
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

for (const { nodeEvents, nodeCondition, verbs } of [
  { nodeEvents: true, nodeCondition: true, verbs: ["create", "patch"] },
  { nodeEvents: true, nodeCondition: false, verbs: ["create"] },
  { nodeEvents: false, nodeCondition: true, verbs: ["patch"] },
]) {
  test(`openNodeView() writes nothing but what it is told to: ${verbs.join(" and ")}`, async (t) => {
    const server = await startApiServer();
    t.after(server.close);
    server.store.put({ name: "me", podCIDRs: [] });
    const { view, ready, report } = open(t, (folder) => {
      const kubeconfig = join(folder, "kubeconfig");
      writeKubeconfig({ path: kubeconfig, server: server.url, user: { token: "secret" } });
      return { nodeName: "me", kubeconfig, nodeEvents, nodeCondition };
    });
    await eventually("the node is there", view.isComplete, view.fault);
    report(REPORT);
    ready();
    const written = (): string[] =>
      server.requests.map(({ verb }) => verb).filter((verb) => verb === "create" || verb === "patch");
    await eventually("what was to be sent has arrived", () => written().length === verbs.length);
    await view.close();
    assert.deepEqual(written().toSorted(), verbs);
  });
}
