import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createReadiness, type Readiness } from "../../lib/readiness.ts";
import { type Cidr, parseCidr } from "../../net/cidr.ts";
import type { Attachment } from "../../plan/pods/attachment.ts";
import { evaluate } from "../../plan/policy/evaluate/evaluate.ts";
import { projectNamespace, projectPod } from "../../plan/policy/parse/project-pod.ts";
import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";
import type { WatchNeeds } from "../../plan/policy/watches.ts";
import { createFakeClock, type FakeClock } from "../../testing/fake-clock.ts";
import {
  createFakePolicyKernel,
  type FakePolicyKernel,
  holds,
} from "../../testing/policy/fake-policy-kernel.ts";
import { silentLog } from "../../testing/silent-log.ts";
import { createPolicies, type Policies } from "./policies.ts";
import { policyChange } from "../../testing/policy/raw-objects.ts";

interface Setup {
  readonly policies: Policies;
  readonly kernel: FakePolicyKernel;
  readonly clock: FakeClock;
  readonly readiness: Readiness;
  /** What the source was asked to follow last. */
  needs: WatchNeeds | undefined;
  isComplete: boolean;
  /** Whether what it is asked for from now on has to be listed first. */
  isSlow: boolean;
  faults: string[];
  readonly repairs: string[];
  readonly notes: string[];
  /** What connections of former pods were asked. */
  readonly former: string[];
  forgetting: Promise<void>;
  hear(changes: readonly ObjectChange[], isUrgent?: boolean): void;
  /** Lets everything that can happen without time happen. */
  settle(): Promise<void>;
  /** Objects and PodCIDRs become known. */
  begin(): Promise<void>;
}

const NODE = "node-1";

function setUp(t: TestContext, { start = "closed" }: { readonly start?: "open" | "closed" } = {}): Setup {
  const kernel = createFakePolicyKernel();
  const clock = createFakeClock();
  const readiness = createReadiness(() => undefined);
  let hear: Setup["hear"] = () => undefined;
  const setup: Omit<Setup, "policies"> = {
    kernel,
    clock,
    readiness,
    needs: undefined,
    isComplete: false,
    isSlow: false,
    faults: [],
    repairs: [],
    notes: [],
    former: [],
    forgetting: Promise.resolve(),
    hear: (changes, isUrgent = false) => hear(changes, isUrgent),
    settle: () => clock.advance(5).then(() => setImmediate()),
    async begin() {
      setup.isComplete = true;
      hear([]);
      policies.setNetwork({ network: { cidrs: [cidr("10.244.0.0/16")], gateways: [] }, families: [4] });
      await setup.settle();
    },
  };
  const former = {
    held: () => undefined,
    look: () => undefined,
    gone: (addresses: readonly string[]) => setup.former.push(`${addresses.join()} is gone`),
    forgotten: (addresses: readonly string[]) => {
      setup.former.push(`forget ${addresses.join()}`);
      return setup.forgetting;
    },
    stop: () => Promise.resolve(),
  };
  const policies = createPolicies({
    kernel,
    former,
    clock,
    readiness,
    log: silentLog,
    nodeName: NODE,
    start,
    random: () => 0.5,
    open(told) {
      hear = (changes, isUrgent = false) => told(changes, isUrgent);
      return {
        follow(needs) {
          setup.needs = needs;
          setup.isComplete = !setup.isSlow;
        },
        isComplete: () => setup.isComplete,
        faults: () => setup.faults,
        notices: () => [],
        watches: () => 3,
      };
    },
    onUnread: (note) => setup.notes.push(note),
    onStrangers: (note) => setup.notes.push(note),
    onRepair: (kind, fault) => setup.repairs.push(`${kind}: ${fault}`),
    onWritten: () => undefined,
  });
  t.after(() => policies.stop());
  return Object.assign(setup, { policies });
}

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed);
  return parsed;
}

function namespace(name: string): ObjectChange {
  return { kind: "namespace", name, namespace: projectNamespace({ metadata: { name, labels: {} } }) };
}

function pod(key: string, labels: Readonly<Record<string, string>> = {}, more: object = {}): ObjectChange {
  const [inNamespace = "", name = ""] = key.split("/");
  const metadata = { namespace: inNamespace, name, uid: `uid-of-${name}`, labels };
  const raw = { metadata, spec: { nodeName: NODE, ...more }, status: { phase: "Running" } };
  return { kind: "pod", namespace: inNamespace, name, pod: projectPod(raw, (node) => node === NODE) };
}

function policy(key: string, spec: object | undefined): ObjectChange {
  const [inNamespace = "", name = ""] = key.split("/");
  return policyChange(inNamespace, name, spec);
}

function attachment(key: string, address: string): Attachment {
  const [inNamespace = "", name = ""] = key.split("/");
  return {
    network: "causeway",
    containerId: `container-of-${name}`,
    ifname: "eth0",
    addresses: [address],
    pod: { namespace: inNamespace, name, uid: `uid-of-${name}` },
  };
}

const CLOSED = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };

/** Whether a new connection passes by the table that the kernel has. */
function passes({ kernel }: Setup, source: string, destination: string): boolean {
  const table = kernel.table();
  if (table === undefined) return true;
  return evaluate(table, { source, destination, protocol: "TCP", port: 80 }).passes;
}

/** The answer of an ADD, once there is one. */
function admitted(setup: Setup, key: string, address: string) {
  const state: { answer: string | undefined; isDone: boolean } = { answer: undefined, isDone: false };
  void setup.policies.admit(`link-of-${key}`, attachment(key, address)).then((answer) => {
    state.answer = answer;
    state.isDone = true;
  });
  return state;
}

test("a pod that a policy selects is isolated when its ADD is answered", async (t) => {
  const setup = setUp(t);
  setup.hear([namespace("a"), policy("a/closed", CLOSED), pod("a/web")]);
  await setup.begin();
  const add = admitted(setup, "a/web", "10.244.1.2");
  await setup.settle();
  assert.deepEqual(add, { answer: undefined, isDone: true });
  assert.equal(passes(setup, "10.244.2.2", "10.244.1.2"), false);
  assert.equal(passes(setup, "10.244.1.2", "10.244.2.2"), false);
});

test("an ADD is not answered before the kernel has what it waits for", async (t) => {
  const setup = setUp(t);
  setup.hear([namespace("a"), policy("a/closed", CLOSED), pod("a/web")]);
  await setup.begin();
  let release = (): void => undefined;
  setup.kernel.before = () => new Promise((resolve) => (release = resolve));
  const add = admitted(setup, "a/web", "10.244.1.2");
  await setup.settle();
  assert.equal(add.isDone, false);
  release();
  await setup.settle();
  assert.equal(add.isDone, true);
});

test("a pod whose labels are not known is waited for, and isolated meanwhile", async (t) => {
  const setup = setUp(t);
  setup.hear([namespace("a"), policy("a/web", { podSelector: { matchLabels: { app: "web" } } })]);
  await setup.begin();
  const add = admitted(setup, "a/free", "10.244.1.2");
  await setup.settle();
  assert.equal(add.isDone, false);
  assert.equal(passes(setup, "10.244.2.2", "10.244.1.2"), false);
  setup.hear([pod("a/free", { app: "other" })], true);
  await setup.settle();
  assert.deepEqual(add, { answer: undefined, isDone: true });
  assert.equal(passes(setup, "10.244.2.2", "10.244.1.2"), true);
});

test("a pod that the API does not tell of starts isolated after 5 s, an Event says so after 10, and its labels free it", async (t) => {
  const setup = setUp(t);
  setup.hear([namespace("a"), policy("a/web", { podSelector: { matchLabels: { app: "web" } } })]);
  await setup.begin();
  const add = admitted(setup, "a/late", "10.244.1.2");
  await setup.clock.advance(4900);
  assert.equal(add.isDone, false);
  await setup.clock.advance(200);
  assert.deepEqual(add, { answer: undefined, isDone: true });
  assert.equal(passes(setup, "10.244.1.2", "10.244.2.2"), false);
  assert.equal(setup.policies.counts().pods.unknown, 1);
  assert.deepEqual(setup.notes, []);
  await setup.clock.advance(5000);
  assert.deepEqual(setup.notes, ['pod "a/late"']);
  setup.hear([pod("a/late")], true);
  await setup.settle();
  assert.equal(passes(setup, "10.244.1.2", "10.244.2.2"), true);
  assert.deepEqual(setup.policies.counts().pods, { selected: 0, unknown: 0, open: 1 });
});

test("a pod of a namespace without policies never waits, and the kernel has no table for it", async (t) => {
  const setup = setUp(t);
  setup.hear([namespace("a"), namespace("b"), policy("b/closed", CLOSED)]);
  await setup.begin();
  const add = admitted(setup, "a/free", "10.244.1.2");
  await setup.settle();
  assert.equal(add.isDone, true);
  assert.equal(setup.kernel.table(), undefined);
  assert.deepEqual(setup.needs?.pods, { kind: "none" });
});

test("a cluster without any object is known, too", async (t) => {
  const setup = setUp(t);
  await setup.begin();
  assert.deepEqual(
    setup.readiness.reasons().filter(({ part }) => part === "network policies"),
    [],
  );
  assert.equal(await setup.policies.admit("link", attachment("a/web", "10.244.1.2")), undefined);
});

test("before the first lists nothing is written, and no pod starts", async (t) => {
  const setup = setUp(t);
  setup.faults = ["Cannot list pods: it is away"];
  setup.hear([policy("a/closed", CLOSED)]);
  const add = admitted(setup, "a/web", "10.244.1.2");
  await setup.clock.advance(5100);
  assert.deepEqual(add, {
    answer: "Network policies are not known yet: Cannot list pods: it is away",
    isDone: true,
  });
  assert.deepEqual(setup.kernel.calls, []);
  assert.ok(setup.readiness.reasons().some(({ part }) => part === "network policies"));
  await setup.begin();
  assert.ok(!setup.readiness.reasons().some(({ part }) => part === "network policies"));
});

test("before the first lists pods start where the operator says so, and policies hold for them afterwards", async (t) => {
  const setup = setUp(t, { start: "open" });
  const add = admitted(setup, "a/web", "10.244.1.2");
  await setup.settle();
  assert.deepEqual(add, { answer: undefined, isDone: true });
  assert.ok(!setup.readiness.reasons().some(({ part }) => part === "network policies"));
  setup.hear([namespace("a"), policy("a/closed", CLOSED), pod("a/web")]);
  await setup.begin();
  assert.equal(passes(setup, "10.244.2.2", "10.244.1.2"), false);
});

const ALLOW_FRIENDS = {
  podSelector: {},
  ingress: [{ from: [{ podSelector: { matchLabels: { app: "friend" } } }] }],
};

/** A pod of another node. */
function peer(key: string, address: string): ObjectChange {
  const change = pod(key, { app: "friend" }, { nodeName: "node-2" });
  assert.ok(change.kind === "pod" && change.pod !== undefined);
  return { ...change, pod: { ...change.pod, addresses: [address] } };
}

test("the table of an agent before stays until the pods that policies allow are known", async (t) => {
  const setup = setUp(t);
  setup.policies.adopt([["link", attachment("a/web", "10.244.1.2")]]);
  setup.hear([namespace("a"), policy("a/allow", ALLOW_FRIENDS), pod("a/web")]);
  setup.isSlow = true;
  await setup.begin();
  assert.deepEqual(setup.needs?.pods, {
    kind: "namespaces",
    namespaces: new Map([["a", "app in (friend)"]]),
  });
  await setup.clock.advance(60_000);
  assert.deepEqual(setup.kernel.calls, []);
  setup.isComplete = true;
  setup.hear([peer("a/friend", "10.244.2.2")]);
  await setup.settle();
  assert.deepEqual(setup.kernel.calls, ["ensure"]);
  assert.equal(passes(setup, "10.244.2.2", "10.244.1.2"), true);
  assert.equal(passes(setup, "10.244.2.3", "10.244.1.2"), false);
});

for (const { name, isAnswered } of [
  { name: "waits for their lists", isAnswered: true },
  { name: "does not wait for ever", isAnswered: false },
]) {
  test(`a change that needs other watches ${name}`, async (t) => {
    const setup = setUp(t);
    setup.hear([namespace("a"), pod("a/web")]);
    await setup.begin();
    await setup.policies.admit("link", attachment("a/web", "10.244.1.2"));
    setup.isSlow = true;
    setup.hear([policy("a/allow", ALLOW_FRIENDS)]);
    await setup.clock.advance(900);
    assert.equal(passes(setup, "10.244.2.3", "10.244.1.2"), true);
    if (isAnswered) {
      setup.isComplete = true;
      setup.hear([peer("a/friend", "10.244.2.2")]);
      await setup.settle();
    } else await setup.clock.advance(200);
    assert.equal(passes(setup, "10.244.2.2", "10.244.1.2"), isAnswered);
    assert.equal(passes(setup, "10.244.2.3", "10.244.1.2"), false);
  });
}

test("DEL takes the pod out of the kernel before it is answered, and the last policy's end takes the table", async (t) => {
  const setup = setUp(t);
  setup.hear([namespace("a"), policy("a/closed", CLOSED), pod("a/web")]);
  await setup.begin();
  await setup.policies.admit("link", attachment("a/web", "10.244.1.2"));
  await setup.policies.release("link");
  assert.equal(setup.kernel.table()?.pods["pods-in4"].size, 0);
  setup.hear([policy("a/closed", undefined)]);
  await setup.settle();
  assert.equal(setup.kernel.table(), undefined);
});

test("a table that somebody flushed comes back, and is told as a repair", async (t) => {
  const setup = setUp(t);
  setup.hear([namespace("a"), policy("a/closed", CLOSED), pod("a/web")]);
  await setup.begin();
  await setup.policies.admit("link", attachment("a/web", "10.244.1.2"));
  assert.deepEqual(setup.repairs, []);
  setup.kernel.flush();
  await setup.policies.verify();
  assert.equal(passes(setup, "10.244.2.2", "10.244.1.2"), false);
  assert.deepEqual(setup.repairs, ["policy: there is no table"]);
});

test("a table that somebody flushed comes back with the next change, which its ADD need not know", async (t) => {
  const setup = setUp(t);
  setup.hear([namespace("a"), policy("a/closed", CLOSED), pod("a/web"), pod("a/other")]);
  await setup.begin();
  await setup.policies.admit("link", attachment("a/web", "10.244.1.2"));
  setup.kernel.flush();
  assert.equal(await setup.policies.admit("other", attachment("a/other", "10.244.1.3")), undefined);
  const engine = setup.policies.engine();
  assert.ok(engine && holds(setup.kernel, engine.table));
  assert.deepEqual(setup.repairs, [
    "policy: the kernel refused a change of the policy table, which was rebuilt: ENOENT",
  ]);
});

test("what the kernel refuses is a reason of readiness, and is tried again until it succeeds", async (t) => {
  const setup = setUp(t);
  setup.hear([namespace("a"), policy("a/closed", CLOSED), pod("a/web")]);
  setup.kernel.before = () => Promise.reject(new Error("ENOSPC"));
  await setup.begin();
  const add = admitted(setup, "a/web", "10.244.1.2");
  await setup.settle();
  assert.match(add.answer ?? "", /^network policies cannot be enforced: ENOSPC$/);
  const reasons = () => setup.readiness.reasons().filter(({ part }) => part === "network policies");
  assert.deepEqual(reasons(), [
    { part: "network policies", reason: "Cannot enforce network policies: ENOSPC" },
  ]);
  setup.kernel.before = () => Promise.resolve();
  await setup.clock.advance(10_000);
  assert.deepEqual(reasons(), []);
  const engine = setup.policies.engine();
  assert.ok(engine && holds(setup.kernel, engine.table));
});

test("a policy that cannot be wholly read isolates, and is told by log, Event and readiness", async (t) => {
  const setup = setUp(t);
  setup.hear([
    namespace("a"),
    policy("a/odd", { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/99" } }] }] }),
    pod("a/web"),
  ]);
  await setup.begin();
  await setup.policies.admit("link", attachment("a/web", "10.244.1.2"));
  assert.equal(passes(setup, "10.0.0.1", "10.244.1.2"), false);
  const text =
    'NetworkPolicy a/odd is closed by what cannot be read of it: spec.ingress[0].from[0].ipBlock.cidr "10.0.0.0/99" is not a prefix such as "10.0.0.0/8"';
  assert.deepEqual(setup.notes, [text]);
  assert.deepEqual(setup.readiness.warnings(), [{ part: "network policies", reason: text }]);
  assert.equal(setup.policies.counts().unread, 1);
  setup.hear([policy("a/odd", undefined)]);
  await setup.settle();
  assert.deepEqual(setup.readiness.warnings(), []);
});

test("pods of other nodes are gathered into few transactions", async (t) => {
  const setup = setUp(t);
  setup.hear([
    namespace("a"),
    policy("a/allow", { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] }),
    pod("a/web"),
  ]);
  await setup.begin();
  await setup.policies.admit("link", attachment("a/web", "10.244.1.2"));
  const before = setup.kernel.calls.length;
  for (let index = 0; index < 50; index++) setup.hear([peer(`a/peer-${index}`, `10.244.2.${index}`)]);
  await setup.settle();
  assert.equal(setup.kernel.calls.length, before + 1);
  assert.equal(passes(setup, "10.244.2.49", "10.244.1.2"), true);
});

/** A node with a policy, whose kernel has its table. */
async function isolated(t: TestContext): Promise<Setup> {
  const setup = setUp(t);
  setup.hear([namespace("a"), policy("a/closed", CLOSED), pod("a/first"), pod("a/web"), pod("a/other")]);
  await setup.begin();
  await setup.policies.admit("link-of-first", attachment("a/first", "10.244.1.9"));
  setup.kernel.calls.length = 0;
  return setup;
}

test("an ADD takes along what policies say of its pod, once", async (t) => {
  const setup = await isolated(t);
  let joins = 0;
  const join = async (): Promise<boolean> => ++joins > 0;
  assert.equal(await setup.policies.admit("web", attachment("a/web", "10.244.1.2"), join), undefined);
  assert.deepEqual([joins, setup.kernel.calls], [1, ["join"]]);
  assert.equal(passes(setup, "10.244.2.2", "10.244.1.2"), false);
});

test("what an ADD could not take along is written alone, before the ADD goes on", async (t) => {
  const setup = await isolated(t);
  const refused = async (): Promise<boolean> => false;
  assert.equal(await setup.policies.admit("web", attachment("a/web", "10.244.1.2"), refused), undefined);
  assert.deepEqual(setup.kernel.calls, ["apply"]);
  assert.equal(passes(setup, "10.244.2.2", "10.244.1.2"), false);
  assert.deepEqual(setup.repairs, []);
});

test("ADDs at the same time share one transaction, and nobody takes it along", async (t) => {
  const setup = await isolated(t);
  const never = (): Promise<boolean> => assert.fail();
  await Promise.all([
    setup.policies.admit("web", attachment("a/web", "10.244.1.2"), never),
    setup.policies.admit("other", attachment("a/other", "10.244.1.3"), never),
  ]);
  assert.deepEqual(setup.kernel.calls, ["apply"]);
});

test("a pod whose labels are not known is not made before it has been waited for", async (t) => {
  const setup = await isolated(t);
  const never = (): Promise<boolean> => assert.fail();
  const done = setup.policies.admit("new", attachment("a/new", "10.244.1.4"), never);
  await setup.settle();
  setup.hear([pod("a/new")]);
  await setup.settle();
  assert.equal(await done, undefined);
});

test("a pod does not start before connections of who had its address before are forgotten", async (t) => {
  const setup = setUp(t);
  setup.hear([namespace("a"), policy("a/closed", CLOSED), pod("a/first"), pod("a/second")]);
  await setup.begin();
  await setup.policies.admit("first", attachment("a/first", "10.244.1.2"));
  await setup.policies.release("first");
  const forgetting = Promise.withResolvers<void>();
  setup.forgetting = forgetting.promise;
  let isAnswered = false;
  const answer = setup.policies.admit("second", attachment("a/second", "10.244.1.2")).finally(() => {
    isAnswered = true;
  });
  await setup.settle();
  assert.equal(isAnswered, false);
  assert.deepEqual(setup.former, ["forget 10.244.1.2", "10.244.1.2 is gone", "forget 10.244.1.2"]);
  forgetting.resolve();
  assert.equal(await answer, undefined);
});
