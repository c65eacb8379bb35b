import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { objectKey } from "../../plan/policy/model.ts";
import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";
import type { PodWatches } from "../../plan/policy/watches.ts";
import { type KindSetup, putPod, setUpKind } from "../../testing/kube/set-up/kind-setup.ts";
import type { ObjectStore } from "../../testing/kube/resources/object-store.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import type { PolicySource } from "./policy-source.ts";
import { watchPolicyObjects } from "./watch-policy-objects.ts";

interface Setup extends KindSetup {
  readonly source: PolicySource;
  /**
   * What was heard since it was called last, such as `pod a/near`, `no policy web`; urgent ones end with `!`.
   */
  heard(): readonly string[];
}

const CLUSTER_POLICIES = { kind: "ClusterNetworkPolicy", plural: "clusternetworkpolicies" };
const GROUP = "policy.networking.k8s.io";

async function setUp(t: TestContext, prepare: (setup: KindSetup) => void = () => undefined): Promise<Setup> {
  const setup = await setUpKind(t, { streaming: "served" });
  putPod(setup.pods, "a/near", "10.0.0.1");
  putPod(setup.pods, "a/far", "10.0.0.2", { node: "node-2" });
  putPod(setup.pods, "b/far", "10.0.1.2", { node: "node-2", labels: { app: "web" } });
  for (const name of ["a", "b"]) setup.server.objects("namespaces").put(name, { metadata: { name } });
  prepare(setup);
  const heard: string[] = [];
  const source = watchPolicyObjects({
    ...setup.options,
    nodeName: "node-1",
    onChange: (changes, isUrgent) =>
      heard.push(...changes.map((change) => `${describe(change)}${isUrgent ? "!" : ""}`)),
  });
  setup.closing(source);
  return { ...setup, source, heard: () => heard.splice(0).toSorted() };
}

function describe(change: ObjectChange): string {
  switch (change.kind) {
    case "pod":
      return `${change.pod === undefined ? "no " : ""}pod ${change.namespace}/${change.name}`;
    case "namespace":
      return `${change.namespace === undefined ? "no " : ""}namespace ${change.name}`;
    case "policy": {
      const { namespace, name } = change.name;
      return `${change.spec === undefined ? "no " : ""}policy ${objectKey(namespace, name)}`;
    }
    default:
      return change.kind;
  }
}

const complete = ({ source }: Setup): Promise<void> =>
  eventually("all is listed", () => source.isComplete(), source.faults);

function putPolicy(objects: ObjectStore, key: string, spec: object): void {
  const [namespace, name] = key.includes("/") ? key.split("/") : [undefined, key];
  objects.put(key, {
    metadata: { ...(namespace === undefined ? {} : { namespace }), name },
    spec: { ...spec },
  });
}

const watchPods = (pods: PodWatches): Parameters<PolicySource["follow"]>[0] => ({ pods, nodes: false });

test("own pods, namespaces and policies are followed, and of other nodes' pods none until they are asked for", async (t) => {
  const setup = await setUp(t, ({ server }) =>
    putPolicy(server.objects("networkpolicies"), "a/web", { podSelector: {} }),
  );
  assert.equal(setup.source.isComplete(), false);
  await complete(setup);
  assert.deepEqual(setup.heard(), ["namespace a", "namespace b", "pod a/near!", "policy a/web"]);
  assert.ok(!setup.server.requests.some(({ path }) => path.includes("/namespaces/")));
  setup.source.follow(watchPods({ kind: "namespaces", namespaces: new Map([["b", "app in (web)"]]) }));
  assert.equal(setup.source.isComplete(), false);
  await complete(setup);
  assert.deepEqual(setup.heard(), ["pod b/far"]);
  setup.source.follow(watchPods({ kind: "cluster", labelSelector: undefined }));
  await complete(setup);
  assert.deepEqual(setup.heard(), ["pod a/far"]);
  setup.source.follow(watchPods({ kind: "none" }));
  await eventually("what nobody asks for is forgotten", () => setup.source.watches() === 3);
  assert.deepEqual(setup.heard(), ["no pod a/far", "no pod b/far"]);
});

/** Requests for ClusterNetworkPolicies so far. */
const asked = ({ server }: Setup): number =>
  server.requests.filter(({ path }) => path.endsWith(CLUSTER_POLICIES.plural)).length;

test("ClusterNetworkPolicies are none without their definition, no error, and are noticed when it comes and goes", async (t) => {
  const setup = await setUp(t);
  await complete(setup);
  assert.deepEqual(setup.source.faults(), []);
  setup.heard();
  const objects = setup.server.serve({ ...CLUSTER_POLICIES, apiVersion: `${GROUP}/v1beta1` });
  putPolicy(objects, "guard", { tier: "Admin", priority: 1 });
  // The watch of the definition tells: no time has to pass.
  await eventually("the policy is heard of", () => setup.heard().includes("policy guard"));
  setup.server.withdraw(CLUSTER_POLICIES.plural);
  await eventually("the policy is gone with its definition", () => setup.heard().includes("no policy guard"));
  assert.deepEqual(
    setup.source.faults().filter((fault) => fault.includes("clusternetworkpolicies")),
    [],
  );
});

test("agents without the definition ask for it again and again (330 requests a second of 5,000 nodes): they watch it instead", async (t) => {
  const setup = await setUp(t);
  await complete(setup);
  await eventually(
    "the definition is watched",
    () => setup.server.watchers("customresourcedefinitions") === 1,
  );
  await eventually("nothing else is asked for", () => setup.source.watches() === 3);
  const before = asked(setup);
  for (let minute = 0; minute < 60; minute++) await setup.options.clock.advance(60_000);
  assert.equal(asked(setup), before);
});

test("an account that may not see definitions looks for ClusterNetworkPolicies from time to time, and follows them", async (t) => {
  const forbidden = { kind: "status", code: 403, reason: "Forbidden", message: "no" } as const;
  const setup = await setUp(t, ({ server }) =>
    server.setFault("list", forbidden, "customresourcedefinitions"),
  );
  await complete(setup);
  assert.deepEqual(setup.source.faults(), []);
  const objects = setup.server.serve({ ...CLUSTER_POLICIES, apiVersion: `${GROUP}/v1beta1` });
  putPolicy(objects, "guard", { tier: "Admin", priority: 1 });
  await eventually("the policy is heard of", async () => {
    await setup.options.clock.advance(1000);
    return setup.heard().includes("policy guard");
  });
});

test("a definition that gets a newer version has that one followed at once", async (t) => {
  const setup = await setUp(t, ({ server }) => {
    server.serve({ ...CLUSTER_POLICIES, apiVersion: `${GROUP}/v1alpha2` });
  });
  await complete(setup);
  setup.heard();
  const objects = setup.server.serve({ ...CLUSTER_POLICIES, apiVersion: `${GROUP}/v1beta1` });
  putPolicy(objects, "guard", { tier: "Admin", priority: 1 });
  await eventually("the policy is heard of", () => setup.heard().includes("policy guard"));
});

test("a server with the older version only has its policies followed", async (t) => {
  const setup = await setUp(t, ({ server }) => {
    const objects = server.serve({ ...CLUSTER_POLICIES, apiVersion: `${GROUP}/v1alpha2` });
    putPolicy(objects, "guard", { tier: "Admin", priority: 1 });
  });
  await complete(setup);
  assert.ok(setup.heard().includes("policy guard"));
});

test("an outage takes nothing away, and is told", async (t) => {
  const setup = await setUp(t);
  await complete(setup);
  setup.heard();
  setup.server.setFault(
    "watch",
    { kind: "status", code: 503, reason: "ServiceUnavailable", message: "away" },
    "pods",
  );
  setup.server.endWatches("cut", "pods");
  await eventually("the fault is told", () =>
    setup.source.faults().some((fault) => fault.includes("policies stay in force as they are")),
  );
  assert.deepEqual(setup.heard(), []);
  assert.equal(setup.source.isComplete(), true);
});

test("a policy is heard of again when its spec changes, and not when only its metadata does", async (t) => {
  const setup = await setUp(t);
  await complete(setup);
  setup.heard();
  const objects = setup.server.objects("networkpolicies");
  putPolicy(objects, "a/web", { podSelector: {} });
  await eventually("the policy came", () => setup.heard().includes("policy a/web"));
  objects.put("a/web", {
    metadata: { namespace: "a", name: "web", labels: { new: "label" } },
    spec: { podSelector: {} },
  });
  putPolicy(objects, "a/last", { podSelector: {} });
  let heard: readonly string[] = [];
  await eventually("the next came", () => (heard = [...heard, ...setup.heard()]).includes("policy a/last"));
  assert.deepEqual(heard, ["policy a/last"]);
});

test("objects of the former kinds are named with what takes their place", async (t) => {
  const setup = await setUp(t, ({ server }) =>
    server
      .serve({
        apiVersion: `${GROUP}/v1alpha1`,
        kind: "AdminNetworkPolicy",
        plural: "adminnetworkpolicies",
      })
      .put("old", { metadata: { name: "old" } }),
  );
  await eventually("it is told", () => setup.source.notices().length > 0);
  assert.deepEqual(setup.source.notices(), [
    'AdminNetworkPolicy "old" is not enforced: write a ClusterNetworkPolicy (policy.networking.k8s.io/v1beta1) instead',
  ]);
});
