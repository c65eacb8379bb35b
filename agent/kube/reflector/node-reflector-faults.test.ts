import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ApiFault } from "../../testing/kube/api-faults.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import {
  lists,
  node,
  putNodes,
  setUpReflector,
  watching,
} from "../../testing/kube/set-up/reflector-setup.ts";

test("createNodeReflector() goes on after a connection that was cut in the middle of an event, without a list", async (t) => {
  const setup = await setUpReflector(t, { prepare: putNodes(1) });
  const { server, view, log } = setup;
  await watching(setup);
  for (const how of ["cut", "end"] as const) {
    const name = `node-after-${how}`;
    server.sendRaw('{"type":"ADDED","object":{"metadata":{"name":"ha');
    server.endWatches(how);
    await setup.attemptEnd();
    server.store.put(node(2, { name }));
    assert.match(view.fault() ?? "", /^Cannot watch nodes: /);
    await setup.retry();
    await eventually("the missed node came", () => view.nodes().has(name));
  }
  assert.equal(lists(setup), 1);
  assert.equal(view.fault(), undefined);
  assert.equal(log.messages("warn").length, 2);
});

test("createNodeReflector() lists anew after a watch line that is not JSON: it may have been a change", async (t) => {
  const setup = await setUpReflector(t, { prepare: putNodes(1) });
  const { server, view } = setup;
  await watching(setup);
  server.sendRaw("<html>\n");
  await eventually("the fault is seen", () => view.fault()?.includes("a watch event is damaged") ?? false);
  await setup.retry();
  await eventually("the list is there", () => lists(setup) === 2 && server.watchers() === 1);
});

const lines: readonly { readonly name: string; readonly line: string; readonly fault: RegExp }[] = [
  { name: "of unknown type", line: '{"type":"RENAMED","object":{}}', fault: /no known type or no object/ },
  { name: "without object", line: '{"type":"ADDED"}', fault: /no known type or no object/ },
  { name: "that is a number", line: "7", fault: /no known type or no object/ },
  {
    name: "that deletes nobody",
    line: '{"type":"DELETED","object":{}}',
    fault: /a node without name was deleted/,
  },
  {
    name: "that tells of an error",
    line: '{"type":"ERROR","object":{"kind":"Status","code":500,"reason":"InternalError","message":"etcd\\nis away"}}',
    fault: /^Cannot watch nodes: 500 error event: etcd is away$/,
  },
  {
    name: "that tells of an error badly",
    line: '{"type":"ERROR","object":null}',
    fault: /^Cannot watch nodes: error event$/,
  },
];
for (const { name, line, fault } of lines)
  test(`createNodeReflector() survives a watch event ${name}`, async (t) => {
    const setup = await setUpReflector(t, { prepare: putNodes(1) });
    await watching(setup);
    setup.server.sendRaw(`${line}\n`);
    await eventually("the fault is seen", () => setup.view.fault() !== undefined);
    assert.match(setup.view.fault() ?? "", fault);
    assert.equal(setup.view.nodes().size, 1);
    await setup.retry();
    await watching(setup);
  });

test("createNodeReflector() does not swallow an event without end", async (t) => {
  const setup = await setUpReflector(t, { prepare: putNodes(1) });
  await watching(setup);
  setup.server.sendRaw("x".repeat(5 * 1024 * 1024));
  await eventually("the fault is seen", () => setup.view.fault() !== undefined);
  assert.equal(setup.view.fault(), "Cannot watch nodes: a watch event is larger than 4195328 bytes");
});

const HTML = { type: "text/html", body: "<html><body>gateway</body></html>" };
const jsonBody = (body: string): ApiFault => ({ kind: "body", code: 200, type: "application/json", body });

const answers: readonly {
  readonly name: string;
  readonly fault: ApiFault;
  readonly want: RegExp;
}[] = [
  {
    name: "403, naming the permission",
    fault: {
      kind: "status",
      code: 403,
      reason: "Forbidden",
      message: 'nodes is forbidden: User "x" cannot list resource "nodes"',
    },
    want: /403 Forbidden: nodes is forbidden: User "x" cannot list resource "nodes" \(the agent's account needs the verbs "list" and "watch" on the resource "nodes" of API group ""\)$/,
  },
  {
    name: "500",
    fault: { kind: "status", code: 500, reason: "InternalError", message: "etcdserver: leader changed" },
    want: /500 Internal Server Error: etcdserver: leader changed$/,
  },
  { name: "a proxy's page", fault: { kind: "body", code: 502, ...HTML }, want: /502 Bad Gateway$/ },
  {
    name: "a web page",
    fault: { kind: "body", code: 200, ...HTML },
    want: /the answer is "text\/html" instead of JSON: is this a Kubernetes API server\?$/,
  },
  { name: "a redirect", fault: { kind: "body", code: 302, ...HTML }, want: /302 Found$/ },
  { name: "garbage", fault: jsonBody('{"kind": NodeList]\n'), want: /(the list|a watch event) is damaged: / },
  {
    name: "half an answer",
    fault: jsonBody('{"kind":"NodeList","metadata":{"resourceVersion":"1"},"items":[{"metadata":{"na'),
    want: /(the list is damaged: |in the middle of an event)/,
  },
  {
    name: "another kind of object",
    fault: jsonBody('{"kind":"Status"}\n'),
    want: /(the answer is not a NodeList|no known type or no object)$/,
  },
  { name: "a reset connection", fault: { kind: "reset" }, want: /(ECONNRESET|socket hang up)/ },
];
for (const { name, fault, want } of answers)
  test(`createNodeReflector() reports ${name} once, tries again with back-off, and recovers`, async (t) => {
    const setup = await setUpReflector(t, {
      prepare(server) {
        putNodes(2)(server);
        server.setFault("list", fault);
      },
    });
    const { server, view, log, clock } = setup;
    for (let round = 1; round <= 4; round++) {
      await eventually(`list ${round} failed`, () => lists(setup) === round && log.lines.length === round);
      assert.match(view.fault() ?? "", want);
      await clock.advance(0.5 * 800 * 2 ** (round - 1) - 1);
      assert.equal(lists(setup), round, "not before its time");
      await clock.advance(1);
    }
    assert.match(view.fault() ?? "", /^Cannot list nodes: /);
    assert.equal(log.messages("warn").length, 1);
    assert.equal(view.isComplete(), false);
    await eventually("list 5 failed", () => log.lines.length === 5);
    server.setFault("list", undefined);
    await setup.retry();
    await watching(setup);
    assert.equal(view.fault(), undefined);
    assert.equal(view.nodes().size, 2);

    // The same on the watch: what is known stays known.
    server.setFault("watch", fault);
    server.endWatches("cut");
    for (let round = 0; round < 4; round++) await setup.retry();
    assert.match(view.fault() ?? "", want);
    assert.match(view.fault() ?? "", /^Cannot watch nodes: /);
    assert.equal(view.nodes().size, 2);
    await setup.attemptEnd();
    server.setFault("watch", undefined);
    server.store.put(node(3));
    await setup.retry();
    await eventually("the new node came", () => view.nodes().has("node-3"), view.fault);
  });

test("createNodeReflector() waits as long as the server asks for", async (t) => {
  const fault = {
    kind: "status",
    code: 429,
    reason: "TooManyRequests",
    message: "slow down",
    retryAfterS: 20,
  } as const;
  const setup = await setUpReflector(t, { prepare: (server) => server.setFault("list", fault) });
  await eventually("the list failed", () => setup.view.fault() !== undefined);
  assert.equal(setup.view.fault(), "Cannot list nodes: 429 Too Many Requests: slow down");
  setup.server.setFault("list", undefined);
  await setup.clock.advance(20_399);
  assert.equal(lists(setup), 1);
  await setup.clock.advance(1);
  await watching(setup);
});

test("createNodeReflector() gives up an answer that never comes", async (t) => {
  const setup = await setUpReflector(t, { prepare: (server) => server.setFault("list", { kind: "hang" }) });
  await eventually("the list was asked for", () => lists(setup) === 1);
  await setup.clock.advance(30_000);
  await eventually("the fault is seen", () => setup.view.fault() !== undefined);
  assert.equal(setup.view.fault(), "Cannot list nodes: the server sent nothing for 30 s");
  setup.server.setFault("list", undefined);
  await setup.retry();
  await watching(setup);
});

test("createNodeReflector() opens a new watch when one is silent for too long; a bookmark is no silence", async (t) => {
  const setup = await setUpReflector(t, { prepare: putNodes(1) });
  const { server, clock, view } = setup;
  await watching(setup);
  await clock.advance(170_000);
  server.sendBookmarks();
  await eventually("the bookmark arrived", () => view.stats().lastEventMs === 170_000);
  await clock.advance(179_000);
  assert.equal(view.fault(), undefined);
  await clock.advance(1000);
  await eventually("the fault is seen", () => view.fault() !== undefined);
  assert.equal(view.fault(), "Cannot watch nodes: the server sent nothing for 180 s");
  await eventually("the old watch ended", () => server.watchers() === 0);
  await setup.retry();
  await watching(setup);
  assert.equal(lists(setup), 1);
  assert.equal(view.stats().watchRestarts, 1);
});

test("createNodeReflector() follows a watch that ended in time at once, and one that ends too soon after a wait", async (t) => {
  const setup = await setUpReflector(t, { prepare: putNodes(1) });
  const { server, clock, view } = setup;
  await watching(setup);
  await clock.advance(60_000);
  server.endWatches("end");
  await eventually(
    "the next watch is open",
    () => view.stats().watchRestarts === 1 && server.watchers() === 1,
  );
  assert.equal(view.fault(), undefined);
  server.endWatches("end");
  await eventually("the second watch ended", () => view.stats().watchRestarts === 2);
  await clock.advance(399);
  assert.equal(server.watchers(), 0);
  await clock.advance(1);
  await watching(setup);
  assert.equal(view.fault(), undefined, "an end is no fault");
  assert.equal(lists(setup), 1);
});

test("createNodeReflector() counts failures anew after a watch that lived", async (t) => {
  const setup = await setUpReflector(t, { prepare: (server) => server.setFault("list", { kind: "reset" }) });
  const { server, clock } = setup;
  for (let round = 0; round < 6; round++) await setup.retry();
  await setup.attemptEnd();
  server.setFault("list", undefined);
  await setup.retry();
  await watching(setup);
  await clock.advance(30_000);
  server.endWatches("cut");
  await setup.attemptEnd();
  await clock.advance(399);
  assert.equal(server.watchers(), 0);
  await clock.advance(1);
  await watching(setup);
});

test("createNodeReflector() takes a token that was rotated on disk as soon as the old one is refused", async (t) => {
  const setup = await setUpReflector(t, {
    user: { tokenFile: "token" },
    prepare(server, folder) {
      putNodes(1)(server);
      writeFileSync(join(folder, "token"), "old\n");
      server.requireToken("old");
    },
  });
  const { server, view, folder } = setup;
  await watching(setup);
  server.requireToken("new");
  server.endWatches("end");
  await eventually("the watch ended", () => server.watchers() === 0);
  await setup.retry();
  await eventually("the old token is refused", () => view.fault() !== undefined);
  assert.equal(view.fault(), "Cannot watch nodes: 401 Unauthorized: Unauthorized");
  writeFileSync(join(folder, "token"), "new\n");
  await setup.retry();
  await watching(setup);
  assert.equal(server.requests.at(-1)?.authorization, "Bearer new");
  assert.equal(lists(setup), 1);
});
