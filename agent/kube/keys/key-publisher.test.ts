import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { PublishedKey } from "../../plan/peers/claim.ts";
import type { FakeClock } from "../../testing/fake-clock.ts";
import type { ApiServer } from "../../testing/kube/api-server.ts";
import { startTestApi } from "../../testing/kube/set-up/test-api.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import type { RecordingLog } from "../../testing/recording-log.ts";
import { projectNode } from "../nodes/project-node.ts";
import { createKeyPublisher, type KeyPublisher } from "./key-publisher.ts";

const KEY = { publicKey: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", port: 51_820 };
const OTHER = { ...KEY, port: 51_821 };

interface Setup {
  readonly server: ApiServer;
  readonly clock: FakeClock;
  readonly log: RecordingLog;
  readonly keys: KeyPublisher;
  readonly object: () => Stored;
  readonly published: () => PublishedKey | undefined;
  readonly asked: () => number;
  uid: string | undefined;
}

interface Stored {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: unknown;
}

async function setUp(t: TestContext): Promise<Setup> {
  const api = await startTestApi();
  const { server, client, clock, log } = api;
  server.store.put({ name: "node-1" });
  const object = (): Stored => JSON.parse(server.store.list()[0]?.json.toString("utf8") ?? "{}") as Stored;
  const published = (): PublishedKey | undefined => {
    const projected = projectNode(object(), "node-1");
    return projected.kind === "usable" ? projected.object.wireguard : undefined;
  };
  const setup: Setup = {
    server,
    clock,
    log,
    object,
    published,
    uid: object().metadata["uid"] as string,
    asked: () => server.requests.filter(({ verb }) => verb === "apply").length,
    keys: createKeyPublisher({
      client,
      nodeName: "node-1",
      nodeUid: () => setup.uid,
      published,
      clock,
      log,
      random: () => 0.5,
    }),
  };
  t.after(async () => {
    await setup.keys.close();
    assert.equal(clock.pending(), 0);
    await api.close();
  });
  return setup;
}

test("publish() writes the key as an annotation of the Node, and nothing else, once", async (t) => {
  const { keys, object, published, asked, log } = await setUp(t);
  const before = object();
  keys.publish(KEY);
  await eventually("it is written", () => log.messages("info").length === 1);
  assert.deepEqual(published(), KEY);
  const { annotations, resourceVersion, ...metadata } = object().metadata;
  assert.deepEqual(annotations, { "causeway.io/wireguard": JSON.stringify(KEY) });
  assert.deepEqual({ ...metadata, resourceVersion: before.metadata["resourceVersion"] }, before.metadata);
  assert.deepEqual(object().spec, before.spec);
  keys.publish(KEY);
  assert.equal(asked(), 1);
  assert.notEqual(resourceVersion, undefined);
});

test("publish() takes the place of an older key, and puts back what somebody took away", async (t) => {
  const { keys, published, server } = await setUp(t);
  keys.publish(KEY);
  await eventually("it is written", () => published() !== undefined);
  keys.publish(OTHER);
  await eventually("it is another", () => JSON.stringify(published()) === JSON.stringify(OTHER));
  server.store.put({ name: "node-1" });
  keys.publish(OTHER);
  await eventually("it is back", () => published() !== undefined);
});

test("publish() withdraws the key, and writes nothing where there is none", async (t) => {
  const { keys, published, asked } = await setUp(t);
  keys.publish(undefined);
  assert.equal(asked(), 0);
  keys.publish(KEY);
  await eventually("it is written", () => published() !== undefined);
  keys.publish(undefined);
  await eventually("it is gone", () => published() === undefined);
});

test("publish() does not make a Node again that was deleted, and waits until its object is known", async (t) => {
  const setup = await setUp(t);
  const { uid } = setup;
  setup.uid = undefined;
  setup.keys.publish(KEY);
  assert.equal(setup.asked(), 0);
  setup.uid = uid;
  setup.server.store.remove("node-1");
  setup.keys.publish(KEY);
  await eventually("it was refused", () => setup.log.messages("warn").length === 1);
  assert.equal(setup.server.store.list().length, 0);
});

test("publish() tries again after a failure, and names the missing permission once", async (t) => {
  const { keys, server, clock, log, asked, published } = await setUp(t);
  server.setFault("apply", { kind: "status", code: 403, reason: "Forbidden", message: "no" });
  keys.publish(KEY);
  await eventually("the first try failed", () => log.messages("warn").length === 1 && clock.pending() === 1);
  assert.match(log.messages("warn")[0] ?? "", /needs the verb "patch" on the resource "nodes"/);
  keys.publish(KEY);
  await clock.advance(499);
  assert.equal(asked(), 1);
  server.setFault("apply", undefined);
  await clock.advance(1);
  await eventually("it is written", () => published() !== undefined);
});

test("publish() asks once to withdraw what it has no right to, and says how to", async (t) => {
  const { keys, server, clock, log, asked } = await setUp(t);
  keys.publish(KEY);
  await eventually("it is written", () => log.messages("info").length === 1);
  server.setFault("apply", { kind: "status", code: 403, reason: "Forbidden", message: "no" });
  keys.publish(undefined);
  await eventually("it failed", () => log.messages("warn").length === 1);
  assert.match(log.messages("warn")[0] ?? "", /kubectl annotate node node-1 causeway\.io\/wireguard-/);
  keys.publish(undefined);
  assert.equal(clock.pending(), 0);
  assert.equal(asked(), 2);
});

test("close() gives up a request that hangs", async (t) => {
  const { keys, server, asked } = await setUp(t);
  server.setFault("apply", { kind: "hang" });
  keys.publish(KEY);
  await eventually("it was asked", () => asked() === 1);
});
