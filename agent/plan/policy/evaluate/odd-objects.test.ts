import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestEngine } from "../../../testing/policy/cluster-changes.ts";
import { policyChange } from "../../../testing/policy/raw-objects.ts";
import { HERE } from "../../../testing/policy/random-cluster.ts";
import { evaluate } from "./evaluate.ts";
import type { Protocol } from "../model.ts";
import { projectNamespace, projectPod } from "../parse/project-pod.ts";
import type { ObjectChange } from "../state/objects/object-change.ts";
import type { PolicyEngine } from "../state/policy-engine.ts";

const [WEB, NEAR, FAR, OUTSIDE] = ["10.244.1.2", "10.244.2.3", "10.244.3.4", "192.0.2.9"];
const LONGEST = "v".repeat(63);

function namespaceObject(name: string, labels: Readonly<Record<string, string>> = {}): ObjectChange {
  return { kind: "namespace", name, namespace: projectNamespace({ metadata: { name, labels } }) };
}

function pod(key: string, ip: string, labels: object, node = "other"): ObjectChange {
  const [inNamespace = "", name = ""] = key.split("/");
  const containers = [{ ports: [{ name: "http", containerPort: 8080 }] }];
  const raw = {
    metadata: { namespace: inNamespace, name, labels },
    spec: { nodeName: node, containers },
    status: { phase: "Running", podIP: ip },
  };
  return { kind: "pod", namespace: inNamespace, name, pod: projectPod(raw, () => true) };
}

/** shop/web is of this node; shop/near and team/far are of others. */
function createShop(): PolicyEngine {
  const engine = createTestEngine();
  const attachment = { namespace: "shop", name: "web", uid: undefined, addresses: [WEB] };
  engine.apply([
    namespaceObject("shop", { stage: "live" }),
    namespaceObject("team", { stage: "test" }),
    pod("shop/web", WEB, { app: "web" }, HERE),
    { kind: "attachment", id: "web", attachment },
    pod("shop/near", NEAR, { app: "near", size: LONGEST }),
    pod("team/far", FAR, { app: "far" }),
  ]);
  return engine;
}

/** Who of the others reaches web at a port. */
function allowed({ table }: PolicyEngine, port = 80, protocol: Protocol = "TCP"): string {
  const ends = { near: NEAR, far: FAR, outside: OUTSIDE };
  return Object.entries(ends)
    .filter(([, source]) => evaluate(table, { source, destination: WEB, protocol, port }).passes)
    .map(([name]) => name)
    .join(" ");
}

for (const { name, rule, want, port = 80, protocol = "TCP" } of [
  {
    name: "two empty selectors: pods, and nobody else",
    rule: { from: [{ namespaceSelector: {}, podSelector: {} }] },
    want: "near far",
  },
  { name: "an empty podSelector: the own namespace", rule: { from: [{ podSelector: {} }] }, want: "near" },
  {
    name: "one peer twice, and beside a larger one",
    rule: { from: [{ podSelector: {} }, { podSelector: {} }, { namespaceSelector: {} }] },
    want: "near far",
  },
  {
    name: "one block twice, and inside another one",
    rule: {
      from: [
        { ipBlock: { cidr: "192.0.2.0/24" } },
        { ipBlock: { cidr: "192.0.2.0/24" } },
        { ipBlock: { cidr: "192.0.2.9/32" } },
      ],
    },
    want: "outside",
  },
  {
    name: "an except that is the whole block",
    rule: { from: [{ ipBlock: { cidr: "192.0.2.0/24", except: ["192.0.2.0/24"] } }] },
    want: "",
  },
  {
    name: "such an except beside the block itself",
    rule: {
      from: [
        { ipBlock: { cidr: "192.0.2.0/24", except: ["192.0.2.0/24"] } },
        { ipBlock: { cidr: "192.0.2.9/32" } },
      ],
    },
    want: "outside",
  },
  {
    name: "an except of the other family",
    rule: { from: [{ ipBlock: { cidr: "192.0.2.0/24", except: ["fd00::/8"] } }] },
    want: "outside",
  },
  {
    name: "a mapped block, which is closed",
    rule: { from: [{ ipBlock: { cidr: "::ffff:192.0.2.0/120" } }] },
    want: "",
  },
  {
    name: "a mapped except, which closes its block",
    rule: { from: [{ ipBlock: { cidr: "192.0.2.0/24", except: ["::ffff:192.0.2.0/120"] } }] },
    want: "",
  },
  {
    name: "everybody of IPv4",
    rule: { from: [{ ipBlock: { cidr: "0.0.0.0/0" } }] },
    want: "near far outside",
  },
  { name: "no ports", rule: { ports: [] }, want: "near far outside" },
  { name: "a port without anything: TCP", rule: { ports: [{}] }, want: "near far outside" },
  { name: "a port without anything, to UDP", rule: { ports: [{}] }, want: "", protocol: "UDP" as const },
  {
    name: "ranges that overlap",
    rule: { ports: [{ port: 70, endPort: 80 }, { port: 75, endPort: 90 }, { port: 80 }] },
    want: "near far outside",
    port: 90,
  },
  { name: "a name that no pod has", rule: { ports: [{ port: "metrics" }] }, want: "", port: 8080 },
  {
    name: "a name and its number",
    rule: { ports: [{ port: "http" }, { port: 8080 }] },
    want: "near far outside",
    port: 8080,
  },
  {
    name: "the longest value of a label",
    rule: { from: [{ podSelector: { matchLabels: { size: LONGEST } } }] },
    want: "near",
  },
  {
    name: "one label twice, with values that exclude each other",
    rule: {
      from: [
        {
          podSelector: {
            matchLabels: { app: "near" },
            matchExpressions: [{ key: "app", operator: "NotIn", values: ["near"] }],
          },
        },
      ],
    },
    want: "",
  },
  {
    name: "no such label",
    rule: {
      from: [
        {
          namespaceSelector: {},
          podSelector: { matchExpressions: [{ key: "size", operator: "DoesNotExist" }] },
        },
      ],
    },
    want: "far",
  },
])
  test(`a NetworkPolicy holds that has ${name}`, () => {
    const engine = createShop();
    engine.apply([
      policyChange("shop", "web", { podSelector: { matchLabels: { app: "web" } }, ingress: [rule] }),
    ]);
    assert.equal(allowed(engine, port, protocol), want);
  });

test("a policy of the same name in place of another one leaves nothing of it", () => {
  const engine = createShop();
  engine.apply([policyChange("shop", "p", { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] })]);
  engine.apply([
    policyChange("shop", "p", undefined),
    policyChange("shop", "p", {
      podSelector: {},
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { stage: "test" } } }] }],
    }),
  ]);
  assert.equal(allowed(engine), "far");
  engine.apply([policyChange("shop", "p", { podSelector: { matchLabels: { app: "other" } } })]);
  assert.equal(allowed(engine), "near far outside", "it does not select the pod any more");
});

test("a namespace that is deleted and made again at once has its new labels alone", () => {
  const engine = createShop();
  const from = [{ namespaceSelector: { matchLabels: { stage: "test" } } }];
  engine.apply([policyChange("shop", "p", { podSelector: {}, ingress: [{ from }] })]);
  assert.equal(allowed(engine), "far");
  const gone: ObjectChange = { kind: "namespace", name: "team", namespace: undefined };
  engine.apply([gone, namespaceObject("team", { stage: "test", again: "yes" })]);
  assert.equal(allowed(engine), "far");
  engine.apply([gone, namespaceObject("team", { stage: "live" })]);
  assert.equal(allowed(engine), "");
  engine.apply([namespaceObject("team", { stage: "test" }), gone]);
  assert.equal(allowed(engine), "");
});

test("an address that goes from one pod to another within a batch has the permissions of the other alone", () => {
  const near: ObjectChange = { kind: "pod", namespace: "shop", name: "near", pod: undefined };
  const next = pod("shop/next", NEAR, { app: "next" });
  for (const batch of [
    [near, next],
    [next, near],
  ]) {
    const engine = createShop();
    const letIn = (app: string) => ({
      podSelector: {},
      ingress: [{ from: [{ podSelector: { matchLabels: { app } } }] }],
    });
    engine.apply([policyChange("shop", "p", letIn("near"))]);
    assert.equal(allowed(engine), "near");
    engine.apply(batch);
    assert.equal(allowed(engine), "");
    engine.apply([policyChange("shop", "p", letIn("next"))]);
    assert.equal(allowed(engine), "near");
  }
});

test("of ClusterNetworkPolicies the lower priority decides, of equal ones the name, and what changes holds at once", () => {
  const engine = createShop();
  const set = (name: string, priority: number, action: string, stage = "live"): void => {
    const subject = { namespaces: { matchLabels: { stage } } };
    const ingress = [{ action, from: [{ namespaces: {} }] }];
    engine.apply([policyChange(undefined, name, { tier: "Admin", priority, subject, ingress })]);
  };
  set("b", 5, "Deny");
  assert.equal(allowed(engine), "outside");
  set("c", 5, "Accept");
  assert.equal(allowed(engine), "outside", "b before c");
  set("a", 5, "Accept");
  assert.equal(allowed(engine), "near far outside", "a before b");
  set("a", 6, "Accept");
  assert.equal(allowed(engine), "outside");
  set("b", 1000, "Deny");
  assert.equal(allowed(engine), "near far outside");
  set("b", 0, "Deny");
  assert.equal(allowed(engine), "outside");
  set("b", 0, "Deny", "test");
  assert.equal(allowed(engine), "near far outside", "its subject is another namespace");
});
