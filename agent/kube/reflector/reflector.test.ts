import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ApiServerOptions } from "../../testing/kube/api-server.ts";
import {
  type KindSetup,
  POD_KIND,
  putPod,
  setUpKind,
  type TestPod,
} from "../../testing/kube/set-up/kind-setup.ts";
import { PODS } from "../../testing/kube/resources/resource.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import type { Scope } from "./kind.ts";
import { createReflector, type Reflector } from "./reflector.ts";

const ALL: Scope = { path: "/api/v1/pods" };

interface Setup extends KindSetup {
  readonly pod: Reflector<TestPod>;
  readonly verbs: () => readonly string[];
}

async function setUp(
  t: TestContext,
  {
    scope = ALL,
    prepare,
    mayBeAbsent = false,
    ...options
  }: ApiServerOptions & {
    scope?: Scope;
    mayBeAbsent?: boolean;
    prepare?: (setup: KindSetup) => void;
  },
): Promise<Setup> {
  const setup = await setUpKind(t, options);
  prepare?.(setup);
  const pod = createReflector({ ...setup.options, kind: { ...POD_KIND, mayBeAbsent }, scope });
  setup.closing(pod);
  return { ...setup, pod, verbs: () => setup.server.requests.map(({ verb }) => verb) };
}

const watching = ({ server }: KindSetup): Promise<void> =>
  eventually(
    "a watch is open",
    () => server.watchers("pods") === 1,
    () => server.requests,
  );

const complete = async (setup: Setup): Promise<void> => {
  await watching(setup);
  await eventually("the list is complete", setup.pod.isComplete, setup.pod.fault);
};

for (const streaming of ["served", "refused"] as const) {
  test(`createReflector() says which object was added, changed, removed, skipped (streaming lists ${streaming})`, async (t) => {
    const setup = await setUp(t, { streaming, prepare: ({ pods }) => putPod(pods, "a/one", "10.0.0.1") });
    const { pods, pod, changes } = setup;
    await complete(setup);
    assert.deepEqual(changes(), ["added a/one →10.0.0.1"]);
    putPod(pods, "a/one", "10.0.0.1", { labels: { heartbeat: "1" } });
    putPod(pods, "a/two", "10.0.0.2");
    putPod(pods, "a/one", "10.0.0.9");
    pods.put("a/two", { metadata: { namespace: "a", name: "two" }, status: {} });
    putPod(pods, "b/one", "10.0.0.3");
    pods.remove("a/one");
    pods.remove("a/two");
    await eventually(
      "all is told",
      () => [...pod.objects().keys(), ...pod.skipped().keys()].join() === "b/one",
    );
    assert.deepEqual(changes(), [
      "added a/two →10.0.0.2",
      "changed a/one 10.0.0.1→10.0.0.9",
      "skipped a/two 10.0.0.2→",
      "added b/one →10.0.0.3",
      "removed a/one 10.0.0.9→",
      "removed a/two →",
    ]);
  });

  test(`createReflector() tells a relist after 410 by its differences, at once and removals first, and keeps what is the same (streaming lists ${streaming})`, async (t) => {
    const setup = await setUp(t, {
      streaming,
      prepare({ pods }) {
        for (const name of ["gone", "moved", "same"]) putPod(pods, `a/${name}`, "10.0.0.1");
      },
    });
    const { pods, pod, changes, server, options } = setup;
    await complete(setup);
    changes();
    const same = pod.objects().get("a/same");
    server.endWatches("cut", "pods");
    await eventually("the cut is seen", () => pod.fault() !== undefined);
    pods.remove("a/gone");
    putPod(pods, "a/moved", "10.0.0.2");
    putPod(pods, "a/new", "10.0.0.3");
    pods.compact();
    for (const restarts of [1, 2]) {
      await eventually("an attempt ended", () => pod.stats().watchRestarts === restarts);
      await options.clock.advance(30_000);
    }
    await eventually("the list is told", () => pod.objects().has("a/new"));
    assert.deepEqual(changes(), [
      "removed a/gone 10.0.0.1→",
      "changed a/moved 10.0.0.1→10.0.0.2",
      "added a/new →10.0.0.3",
    ]);
    assert.equal(pod.objects().get("a/same"), same);
  });
}

test("createReflector() lists by one streaming request where the server can do it, which goes on as the watch", async (t) => {
  const setup = await setUp(t, {
    streaming: "served",
    prepare: ({ pods }) => putPod(pods, "a/one", "10.0.0.1"),
  });
  await complete(setup);
  assert.deepEqual(
    setup.server.requests.map(({ query }) => query),
    [
      {
        watch: "true",
        allowWatchBookmarks: "true",
        sendInitialEvents: "true",
        resourceVersionMatch: "NotOlderThan",
        timeoutSeconds: "450",
      },
    ],
  );
  await setup.options.clock.advance(61_000);
  assert.equal(setup.pod.fault(), undefined, "the bound of the list does not end the watch");
  setup.server.endWatches("end", "pods");
  await eventually(
    "the next watch is open",
    () => setup.verbs().length === 2 && setup.server.watchers("pods") === 1,
  );
  assert.equal(setup.server.requests[1]?.query["resourceVersion"], String(setup.pods.version()));
});

test("createReflector() is complete with a streaming list of nothing", async (t) => {
  const setup = await setUp(t, { streaming: "served" });
  await complete(setup);
  assert.equal(setup.pod.objects().size, 0);
});

test("createReflector() takes half a streaming list for none, and lists in pages then", async (t) => {
  const setup = await setUp(t, {
    streaming: "ignored",
    prepare: ({ pods }) => putPod(pods, "a/one", "10.0.0.1"),
  });
  const { pod, server, options, changes, verbs } = setup;
  await watching(setup);
  server.endWatches("cut", "pods");
  await eventually("the cut is seen", () => pod.fault() !== undefined);
  assert.equal(pod.isComplete(), false);
  assert.deepEqual(changes(), []);
  await options.clock.advance(30_000);
  await complete(setup);
  assert.deepEqual(verbs(), ["stream", "list", "watch"]);
  assert.equal(pod.fault(), undefined);
});

for (const { name, end } of [
  { name: "sends an ordinary bookmark", end: async ({ server }: Setup) => server.sendBookmarks() },
  { name: "ends the watch in time", end: async ({ server }: Setup) => server.endWatches("end", "pods") },
  { name: "never ends the list", end: async ({ options }: Setup) => options.clock.advance(30_000) },
]) {
  test(`createReflector() lists in pages when a server takes the parameters of streaming lists, but ${name}`, async (t) => {
    const setup = await setUp(t, {
      streaming: "ignored",
      prepare: ({ pods }) => putPod(pods, "a/one", "10.0.0.1"),
    });
    await watching(setup);
    await end(setup);
    await eventually("the fault is seen", () => setup.pod.fault() !== undefined);
    assert.match(setup.pod.fault() ?? "", /^Cannot list pods: /);
    await setup.options.clock.advance(30_000);
    await complete(setup);
    assert.deepEqual(setup.verbs(), ["stream", "list", "watch"]);
    assert.deepEqual([...setup.pod.objects().keys()], ["a/one"]);
  });
}

test("createReflector() bounds a streaming list whose server goes on and on", async (t) => {
  let projected = 0;
  const kind: typeof POD_KIND = {
    ...POD_KIND,
    project(raw) {
      projected++;
      return POD_KIND.project(raw);
    },
  };
  const setup = await setUpKind(t, { streaming: "ignored" });
  const pod = createReflector({ ...setup.options, kind, scope: ALL });
  setup.closing(pod);
  await watching(setup);
  for (const round of [1, 2, 3]) {
    putPod(setup.pods, `a/pod-${round}`, "10.0.0.1");
    await eventually("it came", () => projected === round);
    await setup.options.clock.advance(20_000);
  }
  await eventually("the fault is seen", () => pod.fault() !== undefined);
  assert.equal(pod.fault(), "Cannot list pods: the answer was not complete after 60 s");
});

test("createReflector() asks for its scope alone: namespace, labels and fields, in pages and in watches", async (t) => {
  const scope = {
    path: "/api/v1/namespaces/a/pods",
    labelSelector: "app in (web,db),!old",
    fieldSelector: "spec.nodeName=node-1",
  };
  const setup = await setUp(t, {
    scope,
    prepare({ pods }) {
      putPod(pods, "a/web", "10.0.0.1", { labels: { app: "web" } });
      putPod(pods, "a/old", "10.0.0.2", { labels: { app: "web", old: "" } });
      putPod(pods, "a/far", "10.0.0.3", { labels: { app: "web" }, node: "node-2" });
      putPod(pods, "b/web", "10.0.0.4", { labels: { app: "web" } });
    },
  });
  const { pods, changes } = setup;
  await complete(setup);
  assert.deepEqual(changes(), ["added a/web →10.0.0.1"]);
  putPod(pods, "a/db", "10.0.0.5", { labels: { app: "db" } });
  putPod(pods, "b/db", "10.0.0.6", { labels: { app: "db" } });
  putPod(pods, "a/web", "10.0.0.1", { labels: { app: "mail" } });
  await eventually("the pod that is selected no more has gone", () => !setup.pod.objects().has("a/web"));
  assert.deepEqual(changes(), ["added a/db →10.0.0.5", "removed a/web 10.0.0.1→"]);
});

test("createReflector() takes a collection that the server does not have for an empty one, and finds it when it is there (a CRD)", async (t) => {
  const setup = await setUp(t, { mayBeAbsent: true, prepare: ({ server }) => server.withdraw("pods") });
  const { server, pod, options, changes } = setup;
  await eventually("it is complete", pod.isComplete);
  assert.equal(pod.fault(), undefined);
  for (let looks = 1; looks < 5; looks++) {
    await eventually("a look has ended", () => pod.stats().watchRestarts === looks);
    await options.clock.advance(30_000);
  }
  await eventually("the last look has ended", () => pod.stats().watchRestarts === 5);
  putPod(server.serve(PODS), "a/one", "10.0.0.1");
  await options.clock.advance(30_000);
  await watching(setup);
  assert.deepEqual(changes(), ["added a/one →10.0.0.1"]);
  assert.deepEqual(options.log.messages("warn"), []);
});

test("createReflector() asks for a collection that the server does not have ever less often, up to 5 minutes, and at once when it is told to", async (t) => {
  const setup = await setUp(t, { mayBeAbsent: true, prepare: ({ server }) => server.withdraw("pods") });
  const { pod, options } = setup;
  let looks = 1;
  const ended = async (): Promise<void> => {
    await eventually("a look has ended", () => pod.stats().watchRestarts === looks);
    looks++;
  };
  await ended();
  for (const waitMs of [...[1, 2, 4, 8, 16, 32, 64, 128, 256].map((s) => s * 1000), 300_000, 300_000]) {
    await options.clock.advance(waitMs - 1);
    assert.equal(pod.stats().watchRestarts, looks - 1, `before ${waitMs} ms`);
    await options.clock.advance(1);
    await ended();
  }
  pod.lookAgain();
  await ended();
  await options.clock.advance(1000);
  await ended();
});

test("createReflector() forgets what a collection had only after a minute of 404: a server that starts does not know all CRDs at once", async (t) => {
  const setup = await setUp(t, {
    mayBeAbsent: true,
    prepare: ({ pods }) => putPod(pods, "a/one", "10.0.0.1"),
  });
  const { server, pod, options, changes } = setup;
  await complete(setup);
  changes();
  server.withdraw("pods");
  const startMs = options.clock.nowMs();
  for (let restarts = 1; pod.objects().size > 0; restarts++) {
    await eventually("an attempt ended", () => pod.stats().watchRestarts >= restarts);
    if (options.clock.nowMs() - startMs < 60_000) assert.equal(pod.objects().size, 1);
    await options.clock.advance(15_000);
  }
  assert.ok(options.clock.nowMs() - startMs >= 60_000);
  assert.deepEqual(changes(), ["removed a/one 10.0.0.1→"]);
  assert.equal(pod.fault(), undefined);
});

test("createReflector() takes 404 for a fault where the collection is always there", async (t) => {
  const setup = await setUp(t, { prepare: ({ server }) => server.withdraw("pods") });
  await eventually("the fault is seen", () => setup.pod.fault() !== undefined);
  assert.match(setup.pod.fault() ?? "", /^Cannot list pods: 404 Not Found/);
  assert.equal(setup.pod.isComplete(), false);
});
