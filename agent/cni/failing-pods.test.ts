import assert from "node:assert/strict";
import { test } from "node:test";
import { createFailingPods, type FailingPods } from "./failing-pods.ts";

function setUp() {
  const setup = {
    nowMs: 0,
    pods: undefined as unknown as FailingPods,
    add: (pod: string | undefined, code: number, containerId = "c") =>
      setup.pods.served({ command: "ADD", code, pod, containerId }),
    counts: () => Object.fromEntries(setup.pods.counts()),
  };
  setup.pods = createFailingPods(() => setup.nowMs);
  return setup;
}

test("createFailingPods() counts a pod once, however often the kubelet makes a new sandbox for it", () => {
  const { add, counts } = setUp();
  for (let retry = 0; retry < 20; retry++) add("default/bad", 7, `sandbox-${retry}`);
  add("default/other", 101);
  assert.deepEqual(counts(), { 7: 1, 101: 1 });
  add("default/bad", 101);
  assert.deepEqual(counts(), { 101: 2 });
});

test("createFailingPods() forgets a pod that has got its network, and one that is not tried any more", () => {
  const setup = setUp();
  setup.add("default/a", 5);
  setup.add("default/b", 5);
  setup.add("default/a", 0);
  assert.deepEqual(setup.counts(), { 5: 1 });
  setup.nowMs = 119_999;
  assert.deepEqual(setup.counts(), { 5: 1 });
  setup.nowMs = 120_000;
  assert.deepEqual(setup.counts(), {});
});

test("createFailingPods() takes containers without a pod's name one by one, and minds no other command", () => {
  const setup = setUp();
  setup.add(undefined, 101, "one");
  setup.add(undefined, 101, "two");
  setup.pods.served({ command: "DEL", code: 5, pod: "default/a", containerId: "three" });
  assert.deepEqual(setup.counts(), { 101: 2 });
});

test("createFailingPods() keeps no more pods than a node can have", () => {
  const setup = setUp();
  for (let pod = 0; pod < 5000; pod++) setup.add(`default/${pod}`, 101);
  assert.deepEqual(setup.counts(), { 101: 1024 });
});
