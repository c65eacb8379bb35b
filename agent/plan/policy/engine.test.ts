import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestEngine } from "../../testing/policy/cluster-changes.ts";
import { HERE } from "../../testing/policy/random-cluster.ts";
import { evaluate, evaluateDirection } from "./evaluate/evaluate.ts";
import { explain, formatDecision } from "./evaluate/explain.ts";
import type { Policy, Protocol } from "./model.ts";
import { projectNamespace, projectPod } from "./parse/project-pod.ts";
import type { ObjectChange } from "./state/objects/object-change.ts";
import type { PolicyEngine } from "./state/policy-engine.ts";
import { planWatches } from "./watches.ts";
import { policyChange } from "../../testing/policy/raw-objects.ts";

interface TestPod {
  readonly labels?: Readonly<Record<string, string>>;
  readonly node?: string;
  readonly ip?: string;
  readonly uid?: string;
  readonly ports?: readonly unknown[];
}

function pod(
  namespace: string,
  name: string,
  { labels = {}, node = HERE, ip, uid, ports = [] }: TestPod = {},
): ObjectChange {
  const raw = {
    metadata: { namespace, name, uid, labels },
    spec: { nodeName: node, containers: [{ ports }] },
    status: { phase: "Running", podIP: ip },
  };
  return { kind: "pod", namespace, name, pod: projectPod(raw, () => true) };
}

function attach(namespace: string, name: string, address: string, uid?: string): ObjectChange {
  return { kind: "attachment", id: address, attachment: { namespace, name, uid, addresses: [address] } };
}

function namespaceObject(name: string, labels: Readonly<Record<string, string>> = {}): ObjectChange {
  return { kind: "namespace", name, namespace: projectNamespace({ metadata: { name, labels } }) };
}

function endingNamespace(name: string): ObjectChange {
  const metadata = { name, labels: {}, deletionTimestamp: "2026-01-02T03:04:05Z" };
  return { kind: "namespace", name, namespace: projectNamespace({ metadata }) };
}

function passes(
  { table }: PolicyEngine,
  source: string,
  destination: string,
  port = 80,
  protocol: Protocol = "TCP",
) {
  return evaluate(table, { source, destination, protocol, port }).passes;
}

function ready(...changes: readonly ObjectChange[]): PolicyEngine {
  const engine = createTestEngine();
  engine.apply([namespaceObject("x"), ...changes]);
  return engine;
}

const DENY = policyChange("x", "deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] });
const OUTSIDER = "203.0.113.9";

test("a new pod is open until its policies come (kube-router#873): its chains stand before its ADD, which adds elements alone", () => {
  const engine = ready(DENY, pod("x", "a"));
  assert.ok(engine.table.chains.size > 0);
  const kinds = engine.apply([attach("x", "a", "10.244.1.10")]).map(({ kind }) => kind);
  assert.deepEqual(new Set(kinds), new Set(["add elements", "map pod"]));
  assert.equal(passes(engine, OUTSIDER, "10.244.1.10"), false);
  const gone = engine.apply([{ kind: "attachment", id: "10.244.1.10", attachment: undefined }]);
  assert.deepEqual(new Set(gone.map(({ kind }) => kind)), new Set(["remove elements", "unmap pod"]));
});

test("a pod whose labels nobody knows yet is closed where there are policies, and nowhere else", () => {
  const engine = ready(
    DENY,
    namespaceObject("y"),
    attach("x", "a", "10.244.1.10"),
    attach("y", "b", "10.244.1.11"),
  );
  assert.equal(passes(engine, "10.244.1.10", OUTSIDER), false);
  assert.equal(passes(engine, OUTSIDER, "10.244.1.10"), false);
  assert.equal(passes(engine, OUTSIDER, "10.244.1.11"), true);
  const packet = { source: OUTSIDER, destination: "10.244.1.10", protocol: "TCP", port: 80 } as const;
  assert.deepEqual(explain(engine, packet, "ingress"), { passes: false, reason: "labels unknown" });
  assert.deepEqual([engine.concerns("x"), engine.concerns("y")], [true, false]);
});

test("a pod of the same name gets the labels of the one before it: its UID tells them apart", () => {
  const allow = policyChange("x", "allow", { podSelector: { matchLabels: { app: "web" } }, ingress: [{}] });
  const old = pod("x", "a", { labels: { app: "web" }, uid: "1" });
  const engine = ready(DENY, allow, old, attach("x", "a", "10.244.1.10", "1"));
  assert.equal(passes(engine, OUTSIDER, "10.244.1.10"), true);
  engine.apply([
    { kind: "attachment", id: "10.244.1.10", attachment: undefined },
    attach("x", "a", "10.244.1.20", "2"),
  ]);
  assert.equal(passes(engine, OUTSIDER, "10.244.1.20"), false);
  assert.equal(engine.knows("x", "a", "2"), false);
  engine.apply([pod("x", "a", { labels: { app: "web" }, uid: "2" })]);
  assert.equal(passes(engine, OUTSIDER, "10.244.1.20"), true);
});

test("an address that is given again keeps the permissions of the pod before: DEL takes them away in its own step", () => {
  const allow = policyChange("x", "allow", {
    podSelector: {},
    ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }] }],
  });
  const web = pod("x", "web", { labels: { app: "web" } });
  const engine = ready(
    allow,
    web,
    attach("x", "web", "10.244.1.10"),
    pod("x", "b"),
    attach("x", "b", "10.244.1.11"),
  );
  assert.equal(passes(engine, "10.244.1.10", "10.244.1.11"), true);
  engine.apply([{ kind: "attachment", id: "10.244.1.10", attachment: undefined }]);
  engine.apply([pod("x", "c"), { ...attach("x", "c", "10.244.1.10"), id: "c" } as ObjectChange]);
  assert.equal(passes(engine, "10.244.1.10", "10.244.1.11"), false);
});

test("an address that two pods have for a moment is left open when one of them goes: it is the other one's", () => {
  const engine = ready(DENY, pod("x", "a"), attach("x", "a", "10.244.1.10"), pod("x", "b"));
  engine.apply([{ ...attach("x", "b", "10.244.1.10"), id: "b" } as ObjectChange]);
  engine.apply([policyChange("x", "more", { podSelector: {}, ingress: [] })]);
  engine.apply([{ kind: "attachment", id: "10.244.1.10", attachment: undefined }]);
  assert.equal(passes(engine, OUTSIDER, "10.244.1.10"), false);
});

test("a terminating pod loses its permissions at once (calico#4518): it keeps them until it is detached", () => {
  const allow = policyChange("x", "allow", { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] });
  const engine = ready(
    allow,
    pod("x", "a"),
    attach("x", "a", "10.244.1.10"),
    pod("x", "b"),
    attach("x", "b", "10.244.1.11"),
  );
  engine.apply([{ kind: "pod", namespace: "x", name: "a", pod: undefined }]);
  assert.equal(passes(engine, "10.244.1.10", "10.244.1.11"), true);
  engine.apply([{ kind: "attachment", id: "10.244.1.10", attachment: undefined }]);
  assert.equal(passes(engine, "10.244.1.10", "10.244.1.11"), false);
});

test("a named port opens the number of one pod at all pods (cilium#24779): exact pairs, also inside a block", () => {
  const http = (port: number) => [{ name: "http", containerPort: port }];
  for (const to of [undefined, [{ ipBlock: { cidr: "10.244.2.0/24" } }], [{ namespaceSelector: {} }]]) {
    const engine = ready(
      policyChange("x", "out", {
        podSelector: {},
        policyTypes: ["Egress"],
        egress: [{ to, ports: [{ port: "http" }] }],
      }),
      pod("x", "a"),
      attach("x", "a", "10.244.1.10"),
      pod("x", "b", { node: "there", ip: "10.244.2.11", ports: http(80) }),
      pod("x", "c", { node: "there", ip: "10.244.2.12", ports: http(81) }),
      pod("x", "d", { node: "there", ip: "10.244.3.13", ports: http(80) }),
    );
    const open = ["10.244.2.11", "10.244.2.12", "10.244.3.13"].map((address) =>
      [80, 81].map((port) => passes(engine, "10.244.1.10", address, port)),
    );
    const isBlock = to?.some((peer) => "ipBlock" in peer) === true;
    assert.deepEqual(open, [
      [true, false],
      [false, true],
      [!isBlock, false],
    ]);
  }
});

test("a change of a pod of another node rewrites rules (kube-router#585): it costs the elements that name it", () => {
  const engine = ready(
    policyChange("x", "in", {
      podSelector: {},
      ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }], ports: [{ port: 80 }] }],
    }),
    pod("x", "a"),
    attach("x", "a", "10.244.1.10"),
  );
  const remote = pod("x", "r", { labels: { app: "web" }, node: "there", ip: "10.244.2.9" });
  const changes = engine.apply([remote]);
  assert.deepEqual(
    changes.map((change) => [change.kind, "elements" in change && change.elements]),
    [["add elements", ["10.244.2.9 . 6 . 80"]]],
  );
  assert.deepEqual(engine.apply([pod("x", "other", { node: "there", ip: "10.244.2.10" })]), []);
  assert.deepEqual(engine.apply([remote]), [], "told twice");
});

test("a big selector is a set that groups share, and small again does not flap", () => {
  const engine = createTestEngine({ shareAbove: 4, copyBelow: 3 });
  const from = [{ podSelector: { matchLabels: { app: "web" } } }];
  const web = (number: number) =>
    pod("x", `w${number}`, { labels: { app: "web" }, node: "there", ip: `10.244.2.${number}` });
  engine.apply([
    namespaceObject("x"),
    policyChange("x", "in", { podSelector: {}, ingress: [{ from }] }),
    policyChange("x", "one", {
      podSelector: { matchLabels: { app: "one" } },
      ingress: [{ from, ports: [{ port: 80, endPort: 99 }] }],
    }),
    pod("x", "a"),
    attach("x", "a", "10.244.1.10"),
    pod("x", "b", { labels: { app: "one" } }),
    attach("x", "b", "10.244.1.11"),
    ...[1, 2, 3, 4].map(web),
  ]);
  const shared = () => [...engine.table.sets.keys()].filter((name) => name.startsWith("sel4"));
  assert.equal(shared().length, 0);
  engine.apply([web(5)]);
  assert.equal(shared().length, 1);
  for (const address of ["10.244.1.10", "10.244.1.11"])
    assert.equal(passes(engine, "10.244.2.5", address), true);
  engine.apply(
    [4, 5].map((number) => ({ kind: "pod", namespace: "x", name: `w${number}`, pod: undefined }) as const),
  );
  assert.equal(shared().length, 1);
  engine.apply([{ kind: "pod", namespace: "x", name: "w3", pod: undefined }]);
  assert.equal(shared().length, 0);
});

test("selectors over all namespaces look at all pods once each, which keeps the agent from all else: once for all of them", () => {
  const engine = createTestEngine();
  const apps = Array.from({ length: 200 }, (_, index) => `app-${index}`);
  let looks = 0;
  const pods = apps.map((app, index): ObjectChange => {
    const change = pod("a", app, { labels: { app }, node: "elsewhere", ip: `10.9.0.${index}` });
    assert.ok(change.kind === "pod" && change.pod !== undefined);
    const { labels, ...rest } = change.pod;
    const counted = Object.defineProperty(rest, "labels", { get: () => (looks++, labels), enumerable: true });
    return { ...change, pod: counted as typeof change.pod };
  });
  engine.apply([namespaceObject("a"), namespaceObject("b"), ...pods]);
  looks = 0;
  const from = apps.map((app) => ({ namespaceSelector: {}, podSelector: { matchLabels: { app } } }));
  engine.apply([
    pod("b", "server"),
    attach("b", "server", "10.1.0.9"),
    policyChange("b", "all", { podSelector: {}, ingress: [{ from }] }),
  ]);
  assert.ok(looks <= 4 * pods.length, `${looks} looks at ${pods.length} pods`);
  assert.deepEqual(
    [passes(engine, "10.9.0.7", "10.1.0.9"), passes(engine, "10.9.1.7", "10.1.0.9")],
    [true, false],
  );
});

test("a group looks into as few sets with a thousand policies as with one", () => {
  const policies = Array.from({ length: 1000 }, (_, index) =>
    policyChange("x", `p${index}`, {
      podSelector: {},
      ingress: [
        {
          from: [
            { podSelector: { matchLabels: { app: `a${index}` } } },
            { ipBlock: { cidr: `172.16.${index >> 8}.${index & 255}/32` } },
          ],
          ports: [{ port: 1000 + index }],
        },
      ],
    }),
  );
  const engine = ready(pod("x", "a"), attach("x", "a", "10.244.1.10"), ...policies);
  const chain = [...engine.table.chains.values()].find(({ family }) => family === 4);
  assert.deepEqual(
    chain?.rules.map(({ lookups }) => lookups.map(({ key }) => key)),
    [["peer . protocol . port"], ["peer . protocol . port"], []],
  );
});

test("explain() names tier, policy and rule, as the table decides", () => {
  const subject = { namespaces: {} };
  const engine = ready(
    DENY,
    policyChange(undefined, "no-scanners", {
      tier: "Admin",
      priority: 1,
      subject,
      ingress: [
        {
          action: "Pass",
          from: [{ pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: "web" } } } }],
        },
        { action: "Deny", name: "rest", from: [{ namespaces: {} }] },
      ],
    }),
    pod("x", "a"),
    attach("x", "a", "10.244.1.10"),
    pod("x", "b"),
    attach("x", "b", "10.244.1.11"),
  );
  const packet = { source: "10.244.1.11", destination: "10.244.1.10", protocol: "TCP", port: 80 } as const;
  const found = explain(engine, packet, "ingress");
  assert.ok(found.reason === "rule");
  assert.equal(formatDecision(found, "ingress"), "Admin no-scanners, ingress rule 2 (rest)");
  const judgement = evaluateDirection(engine.table, packet, "ingress");
  assert.deepEqual(judgement.passes ? undefined : judgement.denial, {
    direction: "ingress",
    tier: "Admin",
    policies: ["no-scanners"],
  });
  const outside = explain(engine, { ...packet, source: OUTSIDER }, "ingress");
  assert.ok(outside.reason === "isolated");
  assert.deepEqual(
    outside.policies.map(({ name }: Policy) => name),
    ["deny"],
  );
});

for (const { name, policy, want } of [
  {
    name: "nothing for all pods: PodCIDRs tell",
    policy: { from: [{ namespaceSelector: {} }] },
    want: { kind: "none" },
  },
  {
    name: "a namespace of a name, by the label that all ask for",
    policy: { from: [{ podSelector: { matchLabels: { app: "web" } } }] },
    want: { kind: "namespaces", namespaces: new Map([["x", "app in (web)"]]) },
  },
  {
    name: "namespaces that a label chooses",
    policy: { from: [{ namespaceSelector: { matchLabels: { team: "red" } } }] },
    want: { kind: "namespaces", namespaces: new Map([["y", undefined]]) },
  },
  {
    name: "the cluster for a selector over all namespaces, by its labels",
    policy: {
      from: [
        {
          namespaceSelector: {},
          podSelector: {
            matchExpressions: [
              { key: "app", operator: "Exists" },
              { key: "v", operator: "NotIn", values: ["1"] },
            ],
          },
        },
      ],
    },
    want: { kind: "cluster", labelSelector: "app,v notin (1)" },
  },
])
  test(`planWatches() asks for ${name}`, () => {
    const engine = ready(
      namespaceObject("y", { team: "red" }),
      policyChange("x", "in", { podSelector: {}, ingress: [policy] }),
      pod("x", "a"),
    );
    assert.deepEqual(planWatches(engine), { pods: want, nodes: false });
  });

test("planWatches() asks for the cluster where more than 32 namespaces are named, and for nothing where no policy selects a pod of the node", () => {
  const names = Array.from({ length: 33 }, (_, index) => namespaceObject(`n${index}`, { team: "red" }));
  const from = [{ namespaceSelector: { matchLabels: { team: "red" } } }];
  const engine = ready(...names, policyChange("x", "in", { podSelector: {}, ingress: [{ from }] }));
  assert.deepEqual(planWatches(engine), { pods: { kind: "none" }, nodes: false });
  assert.equal(engine.table.chains.size, 0);
  engine.apply([pod("x", "a")]);
  assert.deepEqual(planWatches(engine), {
    pods: { kind: "cluster", labelSelector: undefined },
    nodes: false,
  });
});

test("pods that come and go in a group that stays ask for nothing else, so an ADD plans no watches", () => {
  const from = [{ podSelector: { matchLabels: { app: "web" } } }];
  const engine = ready(policyChange("x", "in", { podSelector: {}, ingress: [{ from }] }), pod("x", "a"));
  const before = engine.listsVersion();
  engine.apply([pod("x", "b")]);
  engine.apply([{ kind: "pod", namespace: "x", name: "b", pod: undefined }]);
  assert.equal(engine.listsVersion(), before);
  engine.apply([{ kind: "pod", namespace: "x", name: "a", pod: undefined }]);
  assert.notEqual(engine.listsVersion(), before);
});

const LIVE = { namespaces: { matchLabels: { stage: "live" } } };
const toNobody = (subject: object) =>
  policyChange(undefined, "quiet", {
    tier: "Admin",
    priority: 1,
    subject,
    egress: [{ action: "Deny", to: [{ networks: ["0.0.0.0/0"] }] }],
  });

test("a pod was open whose namespace nobody knew yet, though a ClusterNetworkPolicy goes by labels that it may have", () => {
  const engine = createTestEngine();
  engine.apply([toNobody(LIVE), pod("x", "a"), attach("x", "a", "10.244.1.10")]);
  const packet = { source: "10.244.1.10", destination: OUTSIDER, protocol: "TCP", port: 80 } as const;
  const isClosed = () => !passes(engine, "10.244.1.10", OUTSIDER) && !passes(engine, OUTSIDER, "10.244.1.10");
  assert.ok(isClosed());
  assert.ok(engine.concerns("x") && !engine.knows("x", "a", undefined));
  assert.deepEqual([...engine.strangers()], ["10.244.1.10"]);
  assert.equal(explain(engine, packet, "egress").reason, "labels unknown");
  engine.apply([namespaceObject("x", { stage: "test" })]);
  assert.ok(passes(engine, "10.244.1.10", OUTSIDER) && passes(engine, OUTSIDER, "10.244.1.10"));
  assert.deepEqual([...engine.strangers()], []);
  engine.apply([namespaceObject("x", { stage: "live" })]);
  assert.ok(!passes(engine, "10.244.1.10", OUTSIDER) && passes(engine, OUTSIDER, "10.244.1.10"));
  assert.ok(engine.knows("x", "a", undefined));
  engine.apply([{ kind: "namespace", name: "x", namespace: undefined }]);
  assert.ok(isClosed(), "the namespace is gone before a pod that was deleted by force");
});

test("a pod whose namespace nobody knows is under what holds for all namespaces, and closed by nothing else", () => {
  const engine = createTestEngine();
  engine.apply([pod("x", "a"), attach("x", "a", "10.244.1.10")]);
  assert.ok(passes(engine, "10.244.1.10", OUTSIDER));
  engine.apply([toNobody({ namespaces: {} })]);
  assert.ok(!passes(engine, "10.244.1.10", OUTSIDER) && passes(engine, OUTSIDER, "10.244.1.10"));
  assert.ok(engine.knows("x", "a", undefined));
  engine.apply([toNobody(LIVE)]);
  assert.equal(engine.strangers().size, 1);
  engine.apply([policyChange(undefined, "quiet", undefined)]);
  assert.ok(passes(engine, "10.244.1.10", OUTSIDER));
  assert.equal(engine.strangers().size, 0);
});

test("pods of a namespace that is being deleted were open from when its policies went until they ended (CVE-2024-7598)", () => {
  const engine = ready(DENY, pod("x", "a", { uid: "1" }), attach("x", "a", "10.244.1.10", "1"));
  const isClosed = () => !passes(engine, OUTSIDER, "10.244.1.10");
  engine.apply([endingNamespace("x"), policyChange("x", "deny", undefined)]);
  assert.ok(isClosed());
  // By force, so that the runtime is still to end it.
  engine.apply([{ kind: "pod", namespace: "x", name: "a", pod: undefined }]);
  engine.apply([{ kind: "namespace", name: "x", namespace: undefined }]);
  assert.ok(isClosed());
  engine.apply([{ kind: "attachment", id: "10.244.1.10", attachment: undefined }]);
  assert.equal(engine.policies.size, 0);
  assert.equal(engine.table.chains.size, 0);
});

test("what outlives its namespace ends with another one of that name, and with another policy of its own", () => {
  for (const next of [namespaceObject("x"), policyChange("x", "deny", { podSelector: {}, ingress: [{}] })]) {
    const engine = ready(DENY, pod("x", "a"), attach("x", "a", "10.244.1.10"));
    engine.apply([endingNamespace("x"), policyChange("x", "deny", undefined)]);
    assert.equal(passes(engine, OUTSIDER, "10.244.1.10"), false);
    engine.apply([next]);
    assert.equal(passes(engine, OUTSIDER, "10.244.1.10"), true);
    engine.apply([{ kind: "attachment", id: "10.244.1.10", attachment: undefined }]);
    assert.equal(engine.policies.size, next.kind === "policy" ? 1 : 0);
  }
});

test("a policy that is deleted while its namespace stays, or has no pod here, holds no longer", () => {
  const engine = ready(DENY, pod("x", "a"), attach("x", "a", "10.244.1.10"));
  engine.apply([policyChange("x", "deny", undefined)]);
  assert.equal(passes(engine, OUTSIDER, "10.244.1.10"), true);
  engine.apply([policyChange("y", "deny", { podSelector: {} }), endingNamespace("y")]);
  engine.apply([policyChange("y", "deny", undefined)]);
  assert.equal(engine.policies.size, 0);
});
