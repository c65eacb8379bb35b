import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ApiServer } from "../../testing/kube/api-server.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import type { FakeClock } from "../../testing/fake-clock.ts";
import { startTestApi } from "../../testing/kube/set-up/test-api.ts";
import type { RecordingLog } from "../../testing/recording-log.ts";
import { createNodeCondition, type NodeCondition } from "./node-condition.ts";

interface Setup {
  readonly server: ApiServer;
  readonly clock: FakeClock;
  readonly log: RecordingLog;
  readonly condition: NodeCondition;
  uid: string | undefined;
}

async function setUp(t: TestContext): Promise<Setup> {
  const api = await startTestApi();
  const { server, client, clock, log } = api;
  server.store.put({ name: "node-1" });
  const setup: Setup = {
    server,
    clock,
    log,
    uid: "uid-1",
    condition: createNodeCondition({
      client,
      nodeName: "node-1",
      nodeUid: () => setup.uid,
      clock,
      dateMs: () => Date.UTC(2026, 0, 2, 3, 4, 5),
      log,
      random: () => 0.5,
    }),
  };
  t.after(async () => {
    await setup.condition.close();
    assert.equal(clock.pending(), 0);
    await api.close();
  });
  return setup;
}

const asked = ({ server }: Setup): number => server.requests.filter(({ verb }) => verb === "patch").length;

test("ready() clears the condition that keeps pods off a cloud's node, once", async (t) => {
  const setup = await setUp(t);
  setup.condition.ready();
  setup.condition.ready();
  await eventually("it is written", () => setup.log.messages("info").length === 1);
  assert.deepEqual(setup.server.patches, [
    {
      node: "node-1",
      body: {
        status: {
          conditions: [
            {
              type: "NetworkUnavailable",
              status: "False",
              reason: "CausewayIsReady",
              message: "Causeway serves pods on this node",
              lastHeartbeatTime: "2026-01-02T03:04:05.000Z",
              lastTransitionTime: "2026-01-02T03:04:05.000Z",
            },
          ],
        },
      },
    },
  ]);
  setup.condition.ready();
  assert.equal(asked(setup), 1);
});

test("ready() writes again for a Node that was made anew, and waits until its object is known", async (t) => {
  const setup = await setUp(t);
  setup.condition.ready();
  await eventually("it is written", () => setup.log.messages("info").length === 1);
  setup.uid = undefined;
  setup.condition.ready();
  setup.uid = "uid-2";
  setup.condition.ready();
  await eventually("it is written again", () => setup.server.patches.length === 2);
});

test("ready() tries again after a failure, with growing waits, and names the missing permission once", async (t) => {
  const setup = await setUp(t);
  const { server, clock, log, condition } = setup;
  server.setFault("patch", { kind: "status", code: 403, reason: "Forbidden", message: "no" });
  condition.ready();
  await eventually("the first try failed", () => log.messages("warn").length === 1);
  assert.match(
    log.messages("warn")[0] ?? "",
    /needs the verb "patch" on the resource "nodes\/status".*or set --node-condition false/,
  );
  condition.ready();
  await eventually("a wait has begun", () => clock.pending() === 1);
  await clock.advance(499);
  assert.equal(asked(setup), 1);
  await clock.advance(1);
  await eventually("the second try failed", () => asked(setup) === 2 && clock.pending() === 1);
  server.setFault("patch", undefined);
  await clock.advance(1000);
  await eventually("it is written", () => server.patches.length === 1);
  assert.equal(log.messages("warn").length, 1);
});

test("close() gives up a request that hangs", async (t) => {
  const setup = await setUp(t);
  setup.server.setFault("patch", { kind: "hang" });
  setup.condition.ready();
  await eventually("it was asked", () => asked(setup) === 1);
});
