import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ApiServer } from "../../testing/kube/api-server.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import type { FakeClock } from "../../testing/fake-clock.ts";
import { startTestApi } from "../../testing/kube/set-up/test-api.ts";
import type { RecordingLog } from "../../testing/recording-log.ts";
import { createNodeEvents, type NodeEventReport, type NodeEvents } from "./events.ts";

const REPORT: NodeEventReport = {
  type: "Warning",
  reason: "PodCIDRsMissing",
  action: "ConfigurePodNetwork",
  note: 'Node "node-1" has no PodCIDRs yet',
};

interface Setup {
  readonly server: ApiServer;
  readonly clock: FakeClock;
  readonly log: RecordingLog;
  readonly events: NodeEvents;
}

async function setUp(t: TestContext, nodeUid?: string): Promise<Setup> {
  const api = await startTestApi();
  const { server, client, clock, log } = api;
  const dateMs = (): number => Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const events = createNodeEvents({
    client,
    nodeName: "node-1",
    nodeUid: () => nodeUid,
    clock,
    dateMs,
    log,
  });
  t.after(async () => {
    await events.close();
    await api.close();
  });
  return { server, clock, log, events };
}

const posts = ({ server }: Setup): number => server.requests.filter(({ verb }) => verb === "create").length;

test("report() creates an event on the Node that an API server accepts", async (t) => {
  const { events, server } = await setUp(t, "uid-1");
  events.report(REPORT);
  await eventually("the event arrived", () => server.events.length === 1);
  const { metadata, ...event } = server.events[0] ?? {};
  assert.match((metadata as { name: string }).name, /^causeway\.[0-9a-f-]{36}$/);
  assert.deepEqual(event, {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    eventTime: "2026-01-02T03:04:05.678000Z",
    reportingController: "causeway",
    reportingInstance: "causeway-node-1",
    ...REPORT,
    regarding: { apiVersion: "v1", kind: "Node", name: "node-1", uid: "uid-1" },
  });
});

test("report() names the node by name while its UID is unknown, and cuts a long note to whole characters", async (t) => {
  const { events, server } = await setUp(t);
  events.report({ ...REPORT, note: "ä€𝄞".repeat(300) });
  await eventually("the event arrived", () => server.events.length === 1);
  const { note, regarding } = server.events[0] ?? {};
  assert.equal((regarding as { uid: string }).uid, "node-1");
  assert.ok(Buffer.byteLength(String(note)) > 1020);
  assert.match(String(note), /^[ä€𝄞]+ … [ä€𝄞]+$/u);
  assert.ok(String(note).isWellFormed());
});

test("report() sends one event per reason in 10 minutes", async (t) => {
  const setup = await setUp(t);
  const { events, server, clock } = setup;
  for (let count = 0; count < 5; count++) {
    events.report(REPORT);
    events.report({ ...REPORT, reason: "Other" });
  }
  await eventually("both reasons arrived", () => server.events.length === 2);
  await clock.advance(599_999);
  events.report(REPORT);
  await clock.advance(1);
  assert.equal(posts(setup), 2);
  events.report(REPORT);
  await eventually("the reason came again", () => server.events.length === 3);
});

test("report() survives a failing API server, says so once with the missing permission, and may be tried again after a minute", async (t) => {
  const setup = await setUp(t);
  const { events, server, clock, log } = setup;
  server.setFault("create", { kind: "status", code: 403, reason: "Forbidden", message: "no" });
  events.report(REPORT);
  await eventually("the fault is logged", () => log.messages("warn").length === 1);
  assert.deepEqual(log.messages("warn"), [
    'Cannot create event: 403 Forbidden: no (the agent\'s account needs the verb "create" on the resource "events" of API group "events.k8s.io")',
  ]);
  events.report(REPORT);
  assert.equal(posts(setup), 1);
  await clock.advance(60_000);
  events.report(REPORT);
  await eventually("it failed again", () => log.messages("debug").length === 1);
  server.setFault("create", undefined);
  await clock.advance(60_000);
  events.report(REPORT);
  await eventually("the event arrived", () => server.events.length === 1);
  // The server has it before its answer arrives.
  await eventually("the answer arrived", () => log.messages("info").length > 0);
  assert.deepEqual(log.messages("info"), ["Events are accepted again"]);
  assert.equal(log.messages("warn").length, 1);
});

test("report() gives up a server that does not answer; close() does at once", async (t) => {
  const setup = await setUp(t);
  const { events, server, clock, log } = setup;
  server.setFault("create", { kind: "hang" });
  events.report(REPORT);
  await eventually("the server has it", () => posts(setup) === 1);
  await clock.advance(10_000);
  await eventually("the fault is logged", () => log.messages("warn").length === 1);
  assert.match(log.messages("warn")[0] ?? "", /^Cannot create event: the server sent nothing for 10 s$/);
  events.report({ ...REPORT, reason: "Other" });
  await eventually("the server has it", () => posts(setup) === 2);
  await events.close();
  events.report({ ...REPORT, reason: "Third" });
  assert.equal(clock.pending(), 0);
  assert.equal(posts(setup), 2);
});
