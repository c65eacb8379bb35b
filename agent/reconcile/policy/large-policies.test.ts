import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { digestOf } from "./digest.ts";
import { projectNamespace, projectPod } from "../../plan/policy/parse/project-pod.ts";
import { createPolicyEngine, type PolicyEngine } from "../../plan/policy/state/policy-engine.ts";
import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import {
  createFakePolicyKernel,
  type FakePolicyKernel,
  holds,
} from "../../testing/policy/fake-policy-kernel.ts";
import { createPodAdmission, type PodAdmission } from "./pod-admission.ts";
import { createPolicyQueue, type PolicyQueue } from "./policy-queue.ts";
import { policyChange } from "../../testing/policy/raw-objects.ts";

const SELECTORS = 60;
const PODS = 500;

/** Elements that a turn of the event loop, and a transaction, may have. */
const MOST = 2 * 2048;

interface Setup {
  readonly engine: PolicyEngine;
  readonly kernel: FakePolicyKernel;
  readonly queue: PolicyQueue;
  readonly admission: PodAdmission;
  /** Elements of each transaction. */
  readonly sizes: number[];
}

function setUp(t: TestContext): Setup {
  const engine = createPolicyEngine({
    digestOf,
    nodeName: "here",
    families: [4],
    network: { cidrs: [], gateways: [] },
  });
  const kernel = createFakePolicyKernel();
  const sizes: number[] = [];
  const clock = createFakeClock();
  const queue = createPolicyQueue({
    kernel: {
      ...kernel,
      async apply(changes) {
        sizes.push(changes.reduce((sum, change) => sum + elementsIn(change), 0));
        await kernel.apply(changes);
        await setImmediate();
      },
    },
    clock,
    random: () => 0.5,
    onPlanned: () => undefined,
    onWritten: () => admission.written(),
    onRepair: (fault) => assert.fail(fault),
    onFault: () => undefined,
  });
  const admission = createPodAdmission({
    queue,
    engine: () => engine,
    former: {
      held: () => undefined,
      gone: () => undefined,
      forgotten: () => Promise.resolve(),
      look: () => undefined,
    },
    clock,
    start: "closed",
    reason: () => "",
    onStranger: (title) => assert.fail(title),
  });
  t.after(() => queue.stop());
  return { engine, kernel, queue, admission, sizes };
}

function elementsIn(change: TableChange): number {
  return "elements" in change ? change.elements.length : 1;
}

function pod(namespace: string, name: string, node: string, podIP?: string): ObjectChange {
  const raw = {
    metadata: { namespace, name, labels: { app: "web" } },
    spec: { nodeName: node },
    status: { podIP },
  };
  return { kind: "pod", namespace, name, pod: projectPod(raw, () => false) };
}

function policy(namespace: string, name: string, ingress: readonly object[] | undefined): ObjectChange {
  return policyChange(namespace, name, ingress && { podSelector: {}, policyTypes: ["Ingress"], ingress });
}

function attachment(namespace: string, name: string, address: string) {
  const identity = { namespace, name, uid: undefined };
  return { network: "causeway", containerId: name, ifname: "eth0", addresses: [address], pod: identity };
}

/** Each matches all pods, and lets them speak to a port of its own. */
const everybodyButOne = Array.from({ length: SELECTORS }, (_, index) => ({
  from: [{ podSelector: { matchExpressions: [{ key: "app", operator: "NotIn", values: [`x${index}`] }] } }],
  ports: [{ port: 1000 + index }],
}));

const others = Array.from({ length: PODS }, (_, index) =>
  pod("big", `other-${index}`, "there", `10.64.${index >> 8}.${index & 255}`),
);

/** A pod in each of two namespaces, which policies isolate. */
async function begin({ queue, admission, engine }: Setup, more: readonly ObjectChange[]): Promise<void> {
  const namespaces = ["big", "small"].map((name): ObjectChange => {
    return { kind: "namespace", name, namespace: projectNamespace({ metadata: { name, labels: {} } }) };
  });
  queue.begin(engine);
  queue.open();
  await queue.commit([
    ...namespaces,
    pod("big", "web", "here"),
    pod("small", "web", "here"),
    pod("small", "new", "here"),
    pod("big", "new", "here"),
    policy("small", "closed", []),
    ...more,
  ]);
  assert.equal(await admission.admit("big", attachment("big", "web", "192.0.2.1")), undefined);
}

async function finish({ engine, kernel }: Setup): Promise<void> {
  while (!engine.isSettled()) await setImmediate();
  await setImmediate();
  assert.ok(holds(kernel, engine.table));
}

/** Whether the kernel's table leads the address somewhere. */
function isLed({ kernel }: Setup, address: string): boolean {
  return kernel.table()?.pods["pods-in4"].has(address) === true;
}

// 300 selectors of 1,000 pods each kept the event loop, and with it ADDs and probes, busy for 6 s.
test("selectors that match many pods are written in small transactions, and ADDs of others are answered meanwhile", async (t) => {
  const setup = setUp(t);
  await begin(setup, others);
  await finish(setup);
  void setup.queue.commit([policy("big", "large", everybodyButOne)]);
  await setImmediate();
  assert.equal(setup.engine.isSettled(), false);
  assert.equal(await setup.admission.admit("new", attachment("small", "new", "192.0.2.2")), undefined);
  assert.equal(isLed(setup, "192.0.2.2"), true, "isolated when it is answered");
  assert.equal(setup.engine.isSettled(), false, "and the large policy is not there yet");
  assert.equal(isLed(setup, "192.0.2.1"), false, "nor a part of it");
  await setup.admission.release("new");
  assert.equal(isLed(setup, "192.0.2.2"), false);
  assert.equal(setup.engine.isSettled(), false);
  await finish(setup);
  assert.equal(isLed(setup, "192.0.2.1"), true);
  assert.ok(Math.max(...setup.sizes) <= MOST, `at most ${Math.max(...setup.sizes)} elements at once`);
  assert.ok(setup.sizes.reduce((sum, size) => sum + size) >= SELECTORS * PODS);
});

test("many pods that many selectors match are taken in small transactions", async (t) => {
  const setup = setUp(t);
  await begin(setup, [policy("big", "large", everybodyButOne)]);
  await finish(setup);
  setup.sizes.length = 0;
  void setup.queue.commit(others);
  assert.equal(await setup.admission.admit("new", attachment("small", "new", "192.0.2.2")), undefined);
  assert.equal(isLed(setup, "192.0.2.2"), true);
  assert.equal(setup.engine.isBusy(), true, "other pods are still on their way");
  await finish(setup);
  assert.ok(Math.max(...setup.sizes) <= MOST, `at most ${Math.max(...setup.sizes)} elements at once`);
});

// 10,000 of them kept the event loop busy for half a second, and were all in memory at once as what was read.
test("a thousand policies that come at once are read in turns, and no ADD is answered without the last of them", async (t) => {
  const setup = setUp(t);
  await begin(setup, []);
  await finish(setup);
  const ports = Array.from({ length: 20 }, (_, index) => ({ protocol: "TCP", port: 8000 + index }));
  const many = Array.from({ length: 1000 }, (_, index) =>
    policy("elsewhere", `web-${index}`, [{ from: [{ podSelector: {} }], ports }]),
  );
  setup.queue.gather([...many, policy("big", "last", [])]);
  const answer = setup.admission.admit("new", attachment("big", "new", "192.0.2.2"));
  const before = setup.engine.policies.size;
  let turns = 0;
  for (; setup.engine.policies.size < before + many.length + 1; turns++) {
    assert.equal(isLed(setup, "192.0.2.2"), false, "it cannot be known where it belongs");
    await setImmediate();
  }
  assert.ok(turns > 5, `${turns} turns`);
  assert.equal(await answer, undefined);
  assert.equal(isLed(setup, "192.0.2.2"), true);
});

test("an ADD of a pod under a policy that is still being written waits for it, isolated", async (t) => {
  const setup = setUp(t);
  await begin(setup, others);
  await finish(setup);
  void setup.queue.commit([policy("big", "large", everybodyButOne)]);
  const answer = setup.admission.admit("new", attachment("big", "new", "192.0.2.2"));
  while (!isLed(setup, "192.0.2.2")) await setImmediate();
  const closed = setup.kernel
    .table()
    ?.chains.get(setup.kernel.table()?.pods["pods-in4"].get("192.0.2.2") ?? "");
  assert.deepEqual(
    closed?.rules.map(({ lookups, verdict }) => [lookups.length, verdict.kind]),
    [[0, "drop"]],
  );
  assert.equal(isLed(setup, "192.0.2.1"), false, "a pod that runs stays as it was until then");
  assert.equal(await answer, undefined);
  assert.equal(setup.engine.isSettled(), true);
  await finish(setup);
  const table = setup.kernel.table();
  assert.equal(table?.pods["pods-in4"].get("192.0.2.2"), table?.pods["pods-in4"].get("192.0.2.1"));
});

test("a policy that changes again and again while it is written is in force all the same, and goes when it goes", async (t) => {
  const setup = setUp(t);
  await begin(setup, others);
  await finish(setup);
  for (let edit = 0; !isLed(setup, "192.0.2.1"); edit++) {
    assert.ok(edit < 1000, "it never arrives");
    setup.queue.commit([policy("big", "large", everybodyButOne.slice(edit % 3))]).catch(assert.fail);
    await setImmediate();
  }
  void setup.queue.commit([policy("big", "large", undefined)]);
  await finish(setup);
  assert.equal(isLed(setup, "192.0.2.1"), false);
  assert.deepEqual(
    [...(setup.kernel.table()?.sets.values() ?? [])].filter(({ elements }) => elements.size > 10),
    [],
  );
});

test("a table is not written before it is whole: what an agent before has left stays until then", async (t) => {
  const setup = setUp(t);
  setup.queue.begin(setup.engine);
  setup.queue.gather([
    pod("big", "web", "here"),
    {
      kind: "attachment",
      id: "big",
      attachment: { namespace: "big", name: "web", uid: undefined, addresses: ["192.0.2.1"] },
    },
    policy("big", "large", everybodyButOne),
    ...others,
  ]);
  setup.queue.open();
  await setup.queue.commit([]);
  assert.deepEqual(setup.kernel.calls, ["ensure"]);
  assert.equal(isLed(setup, "192.0.2.1"), true);
  assert.equal(setup.engine.isSettled(), true);
  assert.ok(holds(setup.kernel, setup.engine.table));
});
