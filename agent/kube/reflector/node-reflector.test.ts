import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../../testing/machine/eventually.ts";
import {
  cidrsOf,
  lists,
  node,
  putNodes,
  type ReflectorSetup,
  setUpReflector,
  watching,
} from "../../testing/kube/set-up/reflector-setup.ts";

test("createNodeReflector() lists in pages, then watches with bookmarks from the version of the list", async (t) => {
  const setup = await setUpReflector(t, { prepare: putNodes(1201) });
  assert.equal(setup.view.isComplete(), false);
  await watching(setup);
  assert.equal(setup.view.isComplete(), true);
  assert.equal(setup.view.nodes().size, 1201);
  assert.deepEqual(cidrsOf(setup, "node-1201"), ["10.4.201.0/24"]);
  const [stream, first, second, third, watch] = setup.server.requests;
  assert.equal(stream?.verb, "stream");
  assert.deepEqual(first?.query, { limit: "500" });
  assert.deepEqual(second?.query, { limit: "500", continue: "c1:500" });
  assert.deepEqual(third?.query, { limit: "500", continue: "c1:1000" });
  assert.deepEqual(watch?.query, {
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion: String(setup.server.store.version()),
    timeoutSeconds: "450",
  });
  assert.equal(watch.authorization, "Bearer secret");
  assert.equal(watch.userAgent, "causeway/test");
  assert.equal(setup.changes, 1);
});

test("createNodeReflector() takes a whole list from a server that ignores the limit", async (t) => {
  const setup = await setUpReflector(t, { ignoresLimit: true, prepare: putNodes(1201) });
  await watching(setup);
  assert.equal(setup.view.nodes().size, 1201);
  assert.equal(lists(setup), 1);
});

test("createNodeReflector() is complete with an empty cluster, and says so", async (t) => {
  const setup = await setUpReflector(t);
  await watching(setup);
  assert.equal(setup.view.isComplete(), true);
  assert.equal(setup.changes, 1);
});

test("createNodeReflector() follows nodes that come, change and go, and ignores heartbeats", async (t) => {
  const setup = await setUpReflector(t, { prepare: putNodes(1) });
  const { server, view } = setup;
  await watching(setup);
  server.store.put(node(2));
  await eventually("node-2 came", () => view.nodes().has("node-2"));
  server.store.put(node(2, { addresses: ["192.0.2.99"] }));
  await eventually(
    "node-2 has its new address",
    () => view.nodes().get("node-2")?.addresses[0] === "192.0.2.99",
  );
  assert.equal(setup.changes, 3);
  for (let beat = 0; beat < 20; beat++) server.store.put(node(1));
  server.store.remove("node-2");
  await eventually("node-2 went", () => !view.nodes().has("node-2"));
  assert.equal(setup.changes, 4);
});

test("createNodeReflector() takes a node that was deleted and made again for a new one (antrea-io/antrea#6965)", async (t) => {
  const setup = await setUpReflector(t, { prepare: putNodes(1) });
  await watching(setup);
  const before = setup.view.nodes().get("node-1")?.uid;
  setup.server.store.remove("node-1");
  setup.server.store.put(node(1, { podCIDRs: ["10.77.0.0/24"] }));
  await eventually("the new prefix is there", () => cidrsOf(setup, "node-1")?.[0] === "10.77.0.0/24");
  assert.notEqual(setup.view.nodes().get("node-1")?.uid, before);
});

test("createNodeReflector() skips a malformed node with the reason, serves the rest, and takes it back when mended", async (t) => {
  const raw = { metadata: { name: "bad" }, spec: { podCIDRs: ["10.1.2.3/24"] } };
  const setup = await setUpReflector(t, {
    prepare(server) {
      putNodes(1)(server);
      server.store.put({ name: "bad", raw });
      server.store.put({ name: "nameless", raw: { metadata: { name: 7 } } });
    },
  });
  const { server, view, log } = setup;
  await watching(setup);
  assert.deepEqual([...view.nodes().keys()], ["node-1"]);
  assert.match(view.skipped().get("bad") ?? "", /spec\.podCIDRs\[0\] "10\.1\.2\.3\/24" is not a prefix/);
  assert.equal(view.skipped().get("(no name)"), "metadata.name 7 is not a node name");
  server.store.put(node(5, { name: "bad" }));
  await eventually("the node is mended", () => view.nodes().has("bad") && !view.skipped().has("bad"));
  server.store.put({ name: "node-1", raw: { metadata: { name: "node-1" }, spec: 7 } });
  await eventually("the node is broken", () => view.skipped().has("node-1") && !view.nodes().has("node-1"));
  assert.match(log.messages("warn").at(-1) ?? "", /^Cannot use node "node-1": .*spec 7 is not an object/);
});

test("createNodeReflector() goes on from the version of the last bookmark", async (t) => {
  const setup = await setUpReflector(t, { prepare: putNodes(1) });
  const { server } = setup;
  await watching(setup);
  server.store.advance(9);
  server.sendBookmarks();
  const version = String(server.store.version());
  await eventually(
    "the bookmark arrived",
    () => setup.view.nodes().size === 1 && setup.view.stats().lastEventMs !== undefined,
  );
  server.endWatches("end");
  await eventually("the watch ended", () => server.watchers() === 0);
  await setup.retry();
  await watching(setup);
  assert.equal(server.requests.at(-1)?.query["resourceVersion"], version);
  assert.equal(lists(setup), 1);
});

for (const goneBy of ["status", "event"] as const)
  test(`createNodeReflector() lists anew when its version is gone, told by ${goneBy}: what went meanwhile vanishes`, async (t) => {
    const setup = await setUpReflector(t, { goneBy, prepare: putNodes(3) });
    const { server, view, log } = setup;
    await watching(setup);
    server.endWatches("cut");
    await setup.attemptEnd();
    server.store.remove("node-2");
    server.store.put(node(4, { podCIDRs: node(2).podCIDRs }));
    server.store.compact();
    await setup.retry();
    await eventually("the old version was refused", () =>
      log.messages("info").some((line) => line.startsWith("Relisting nodes")),
    );
    assert.equal(view.nodes().size, 3, "the last known nodes stay until the list is there");
    await setup.retry();
    await eventually("the list is there", () => lists(setup) === 2 && server.watchers() === 1);
    assert.deepEqual([...view.nodes().keys()].toSorted(), ["node-1", "node-3", "node-4"]);
    assert.deepEqual(cidrsOf(setup, "node-4"), node(2).podCIDRs);
  });

test("createNodeReflector() begins the list again when the continue token expires", async (t) => {
  const setup = await setUpReflector(t, {
    prepare(server) {
      putNodes(600)(server);
      server.setFault("list", { kind: "expire" });
    },
  });
  await eventually("the list failed", () => setup.view.fault() !== undefined);
  assert.equal(setup.view.fault(), "Cannot list nodes: 410 Gone: The provided continue parameter is too old");
  assert.equal(setup.view.isComplete(), false);
  assert.equal(setup.view.nodes().size, 0, "half a list is no list");
  setup.server.setFault("list", undefined);
  await setup.retry();
  await watching(setup);
  assert.equal(setup.view.nodes().size, 600);
});

test("close() ends a watch, a wait and a request under way, leaves no timer, and calls nobody any more", async (t) => {
  const states = {
    watch: async (setup: ReflectorSetup) => watching(setup),
    wait: async ({ view }: ReflectorSetup) => eventually("a failure", () => view.fault() !== undefined),
    request: async (setup: ReflectorSetup) => eventually("a request", () => lists(setup) === 1),
  };
  const faults = { watch: undefined, wait: { kind: "reset" }, request: { kind: "hang" } } as const;
  for (const state of ["watch", "wait", "request"] as const) {
    const setup = await setUpReflector(t, { prepare: (server) => server.setFault("list", faults[state]) });
    await states[state](setup);
    const { changes } = setup;
    await setup.view.close();
    await setup.view.close();
    await eventually("the server has no watcher", () => setup.server.watchers() === 0);
    assert.equal(setup.clock.pending(), 0, state);
    assert.equal(setup.changes, changes);
  }
});

test("close() between list and watch opens no watch", async (t) => {
  const closed: Promise<void>[] = [];
  const setup = await setUpReflector(t, {
    onChange: (view) => closed.push(view.close()),
  });
  await eventually("the list was there", () => closed.length === 1);
  await Promise.all(closed);
  assert.deepEqual(
    setup.server.requests.map(({ verb }) => verb),
    ["stream", "list"],
  );
  assert.equal(setup.clock.pending(), 0);
});
