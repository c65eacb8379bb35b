import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type KindSetup, putPod, setUpKind, type TestPod } from "../../testing/kube/set-up/kind-setup.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { createReflectorSet, type NamedScope, type ReflectorSet } from "./reflector-set.ts";

interface Setup extends KindSetup {
  readonly set: ReflectorSet<TestPod>;
}

const ALL: NamedScope = { path: "/api/v1/pods" };
const inNamespace = (name: string): NamedScope => ({ path: `/api/v1/namespaces/${name}/pods` });
const ON_NODE: NamedScope = { ...ALL, fieldSelector: "spec.nodeName=node-1" };

async function setUp(t: TestContext): Promise<Setup> {
  const setup = await setUpKind(t, { streaming: "served" });
  for (const [place, namespace] of ["a", "b", "c"].entries()) {
    putPod(setup.pods, `${namespace}/near`, `10.0.${place}.1`);
    putPod(setup.pods, `${namespace}/far`, `10.0.${place}.2`, { node: "node-2" });
  }
  const set = createReflectorSet(setup.options);
  setup.closing(set);
  return { ...setup, set };
}

/** Exactly so many watches are open, at the server too. */
async function settled({ set, server }: Setup, watches: number): Promise<void> {
  await eventually(
    "the watches are open",
    () => set.isComplete() && set.watches() === watches && server.watchers("pods") === watches,
    () => ({ watches: set.watches(), open: server.watchers("pods"), faults: set.faults() }),
  );
}

const keys = ({ set }: Setup): readonly string[] => [...set.entries()].map(([key]) => key).toSorted();

test("createReflectorSet() follows several scopes as one, an object in two of them once", async (t) => {
  const setup = await setUp(t);
  setup.set.setScopes([ON_NODE, inNamespace("b")]);
  assert.equal(setup.set.isComplete(), false);
  await settled(setup, 2);
  assert.deepEqual(setup.changes().toSorted(), [
    "added a/near →10.0.0.1",
    "added b/far →10.0.1.2",
    "added b/near →10.0.1.1",
    "added c/near →10.0.2.1",
  ]);
  assert.deepEqual(keys(setup), ["a/near", "b/far", "b/near", "c/near"]);
  putPod(setup.pods, "b/near", "10.0.1.9");
  await eventually("the address came", () => setup.set.get("b/near")?.address === "10.0.1.9");
  putPod(setup.pods, "b/last", "10.0.1.8");
  await eventually("the next pod came", () => setup.set.get("b/last") !== undefined);
  assert.deepEqual(setup.changes(), ["changed b/near 10.0.1.1→10.0.1.9", "added b/last →10.0.1.8"]);
});

test("createReflectorSet() loses an object when the last scope has lost it", async (t) => {
  const setup = await setUp(t);
  setup.set.setScopes([ON_NODE, inNamespace("b")]);
  await settled(setup, 2);
  setup.changes();
  putPod(setup.pods, "b/near", "10.0.1.1", { node: "node-2" });
  putPod(setup.pods, "a/near", "10.0.0.1", { node: "node-2" });
  await eventually("one went", () => setup.set.get("a/near") === undefined);
  assert.equal(setup.set.get("b/near")?.address, "10.0.1.1");
  setup.pods.remove("b/near");
  await eventually("the other went", () => setup.set.get("b/near") === undefined);
  assert.deepEqual(setup.changes(), ["removed a/near 10.0.0.1→", "removed b/near 10.0.1.1→"]);
});

test("createReflectorSet() goes from many scopes to one without losing an object in between", async (t) => {
  const setup = await setUp(t);
  const { set, server, changes } = setup;
  set.setScopes([inNamespace("a"), inNamespace("b")]);
  await settled(setup, 2);
  changes();
  server.setFault("list", { kind: "hang" }, "pods");
  set.setScopes([ALL]);
  await eventually("the new list is asked for", () => server.requests.length === 3);
  assert.equal(set.isComplete(), false);
  assert.equal(set.watches(), 3, "old watches stay until the new list is there");
  assert.deepEqual(keys(setup), ["a/far", "a/near", "b/far", "b/near"]);
  server.setFault("list", undefined, "pods");
  await setup.options.clock.advance(30_000);
  await eventually("the silence is seen", () => set.faults().length === 1);
  await setup.options.clock.advance(30_000);
  await settled(setup, 1);
  assert.deepEqual(changes().toSorted(), ["added c/far →10.0.2.2", "added c/near →10.0.2.1"]);
  set.setScopes([inNamespace("c")]);
  await settled(setup, 1);
  assert.deepEqual(changes().toSorted(), [
    "removed a/far 10.0.0.2→",
    "removed a/near 10.0.0.1→",
    "removed b/far 10.0.1.2→",
    "removed b/near 10.0.1.1→",
  ]);
});

test("createReflectorSet() keeps the watches that are still wanted, and none when nothing is", async (t) => {
  const setup = await setUp(t);
  const { set, server, changes } = setup;
  assert.equal(set.isComplete(), true, "nothing is wanted, so nothing is missing");
  set.setScopes([inNamespace("a"), inNamespace("a"), inNamespace("b")]);
  await settled(setup, 2);
  set.setScopes([inNamespace("c"), inNamespace("b")]);
  await settled(setup, 2);
  assert.equal(server.requests.filter(({ path }) => path === inNamespace("b").path).length, 1);
  changes();
  set.setScopes([]);
  await settled(setup, 0);
  assert.equal(changes().length, 4);
  assert.deepEqual(keys(setup), []);
});

test("close() ends all watches and calls nobody any more", async (t) => {
  const setup = await setUp(t);
  setup.set.setScopes([inNamespace("a"), inNamespace("b")]);
  await settled(setup, 2);
  setup.changes();
  await setup.set.close();
  await eventually("the server has no watcher", () => setup.server.watchers("pods") === 0);
  putPod(setup.pods, "a/late", "10.0.0.7");
  assert.equal(setup.options.clock.pending(), 0);
  assert.deepEqual(setup.changes(), []);
});
