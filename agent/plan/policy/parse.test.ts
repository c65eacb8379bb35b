import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { changesOf, createTestEngine } from "../../testing/policy/cluster-changes.ts";
import { randomCluster } from "../../testing/policy/random-cluster.ts";
import { labelsOf } from "./labels.ts";
import { formatFault } from "./parse/fields.ts";
import { parseClusterPolicy } from "./parse/parse-cluster-policy.ts";
import { parseNetworkPolicy } from "./parse/parse-network-policy.ts";
import { projectPod } from "./parse/project-pod.ts";
import { ALL_PODS, matchesPod } from "./selectors.ts";

function parse(spec: unknown) {
  const policy = parseNetworkPolicy({ spec }, "x", "np");
  const { ingress, egress } = policy.rules;
  return { policy, ingress, egress, faults: policy.faults.map(formatFault) };
}

const web = { podSelector: { matchLabels: { app: "web" } } };

for (const { name, spec, ingress, egress } of [
  { name: "neither types nor rules", spec: web, ingress: 0, egress: undefined },
  { name: "no types and egress rules", spec: { ...web, egress: [{}] }, ingress: 0, egress: 1 },
  { name: "no types and an empty egress", spec: { ...web, egress: [] }, ingress: 0, egress: undefined },
  {
    name: "ingress rules under Egress alone (cilium#48703)",
    spec: { ...web, policyTypes: ["Egress"], ingress: [{}] },
    ingress: undefined,
    egress: 0,
  },
])
  test(`parseNetworkPolicy() isolates as the API's defaults tell: ${name}`, () => {
    const parsed = parse(spec);
    assert.deepEqual([parsed.ingress?.length, parsed.egress?.length], [ingress, egress]);
    assert.deepEqual(parsed.faults, []);
  });

for (const { name, rule, fault, left } of [
  {
    name: "an unknown field of a port",
    rule: { ports: [{ port: 80, appProtocol: "h2" }, { port: 81 }] },
    fault: 'spec.ingress[0].ports[0].appProtocol "h2" is not a known field',
    left: { peers: undefined, ports: { ranges: [{ protocol: "TCP", first: 81, last: 81 }], names: [] } },
  },
  {
    name: "a protocol that is none of ours",
    rule: { ports: [{ protocol: "ICMP" }] },
    fault: 'spec.ingress[0].ports[0].protocol "ICMP" is not one of TCP, UDP, SCTP',
    left: { peers: undefined, ports: { ranges: [], names: [] } },
  },
  {
    name: "an endPort below its port",
    rule: { ports: [{ port: 80, endPort: 79 }] },
    fault: "spec.ingress[0].ports[0].endPort 79 is not a number from 80 to 65535",
    left: { peers: undefined, ports: { ranges: [], names: [] } },
  },
  {
    name: "an endPort of a name",
    rule: { ports: [{ port: "http", endPort: 90 }] },
    fault: "spec.ingress[0].ports[0].endPort 90 has no number in port before it",
    left: { peers: undefined, ports: { ranges: [], names: [] } },
  },
  {
    name: "a peer that says nothing we know",
    rule: { from: [{}] },
    fault: "spec.ingress[0].from[0] {} names no peer that is known",
    left: { peers: [], ports: undefined },
  },
  {
    name: "an unknown field of a peer",
    rule: { from: [{ podSelector: {}, serviceAccountSelector: {} }] },
    fault: "spec.ingress[0].from[0].serviceAccountSelector {} is not a known field",
    left: { peers: [], ports: undefined },
  },
  {
    name: "a hole that is no prefix: the block would allow too much",
    rule: { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0"] } }] },
    fault: 'spec.ingress[0].from[0].ipBlock.except[0] "10.1.0.0" is not a prefix such as "10.0.0.0/8"',
    left: { peers: [], ports: undefined },
  },
  {
    name: "an operator that nobody knows: half a selector selects too much",
    rule: { from: [{ podSelector: { matchExpressions: [{ key: "a", operator: "Gt", values: ["1"] }] } }] },
    fault:
      'spec.ingress[0].from[0].podSelector.matchExpressions[0].operator "Gt" is not one of In, NotIn, Exists, DoesNotExist',
    left: { peers: [], ports: undefined },
  },
  {
    name: "an unknown field of the rule",
    rule: { ports: [{ port: 80 }], schedule: "nights" },
    fault: 'spec.ingress[0].schedule "nights" is not a known field',
    left: undefined,
  },
  {
    name: "peers that are no list",
    rule: { from: { podSelector: {} } },
    fault: 'spec.ingress[0].from {"podSelector":{}} is not a list',
    left: undefined,
  },
])
  test(`parseNetworkPolicy() closes and names ${name}`, () => {
    const { ingress, faults } = parse({ ...web, ingress: [rule] });
    assert.deepEqual(faults, [fault]);
    assert.deepEqual(
      ingress?.map(({ peers, ports }) => ({ peers, ports })),
      left === undefined ? [] : [left],
    );
  });

for (const { name, spec, all } of [
  {
    name: "a selector that cannot be read",
    spec: { podSelector: { matchLabels: { app: 1 } }, ingress: [{}] },
    all: false,
  },
  {
    name: "an unknown field of the spec",
    spec: { podSelector: {}, ingress: [{}], mode: "audit" },
    all: true,
  },
  {
    name: "a type that nobody knows",
    spec: { podSelector: {}, policyTypes: ["Ingress", "Forward"], ingress: [{}] },
    all: true,
  },
  { name: "a spec that is none", spec: undefined, all: true },
])
  test(`parseNetworkPolicy() isolates the namespace for ${name}`, () => {
    const { policy, ingress, egress, faults } = parse(spec);
    assert.equal(faults.length, 1);
    assert.equal(policy.subject.key, "in x | ");
    assert.deepEqual([ingress?.length, egress?.length], all ? [0, 0] : [1, undefined]);
  });

test("a value that holds itself is shown, and ends nothing", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  const { faults } = parse({ ...web, ingress: [{ from: [{ ipBlock: loop }] }] });
  assert.match(faults.join(), /ipBlock.self an object that holds itself is not a known field/);
});

const subject = { namespaces: {} };
const rule = { from: [{ namespaces: {} }] };
const cluster = { tier: "Baseline", priority: 7, subject };

/** What stays of one rule of each action. */
function actionsOf(spec: unknown, broken: object): readonly string[] {
  const rules = ["Accept", "Deny", "Pass"].map((action) => Object.assign({ action }, rule, broken));
  const policy = parseClusterPolicy({ spec: { ...(spec as object), ingress: rules } }, "c");
  assert.ok(policy.faults.length > 0);
  return (policy.rules.ingress ?? []).map(
    ({ number, action, peers }) => `${number} ${action} ${peers?.length ?? "all"}`,
  );
}

for (const { name, spec, broken } of [
  {
    name: "a peer of another channel",
    spec: cluster,
    broken: { from: [{ domainNames: ["example.org"] }, { namespaces: {} }] },
  },
  { name: "networks as an ingress peer", spec: cluster, broken: { from: [{ networks: ["10.0.0.0/8"] }] } },
  { name: "a peer with two fields", spec: cluster, broken: { from: [{ namespaces: {}, pods: {} }] } },
  { name: "a peer without any field", spec: cluster, broken: { from: [{}] } },
  { name: "no peers", spec: cluster, broken: { from: [] } },
  { name: "an unknown protocol", spec: cluster, broken: { protocols: [{ icmp: {} }] } },
  {
    name: "an unknown condition of a protocol",
    spec: cluster,
    broken: { protocols: [{ tcp: { flags: "SYN" } }] },
  },
  { name: "an unknown field of the rule", spec: cluster, broken: { log: true } },
  { name: "an unreadable priority", spec: { ...cluster, priority: "high" }, broken: {} },
  { name: "an unknown tier", spec: { ...cluster, tier: "Emergency" }, broken: {} },
  { name: "an unreadable subject", spec: { ...cluster, subject: { serviceAccounts: {} } }, broken: {} },
])
  test(`parseClusterPolicy() accepts nothing and denies everything for ${name}`, () => {
    assert.deepEqual(actionsOf(spec, broken), ["2 Deny all", "3 Deny all"]);
  });

test("parseClusterPolicy() denies everything for an action that nobody knows", () => {
  const policy = parseClusterPolicy(
    { spec: { ...cluster, egress: [{ action: "Log", to: [{ namespaces: {} }] }] } },
    "c",
  );
  assert.deepEqual(policy.faults.map(formatFault), [
    'spec.egress[0].action "Log" is not one of Accept, Deny, Pass',
  ]);
  assert.deepEqual(
    policy.rules.egress?.map(({ action, peers }) => [action, peers]),
    [["Deny", undefined]],
  );
});

test("parseClusterPolicy() names ports of networks as a fault: they have no names", () => {
  const protocols = [{ destinationNamedPort: "http" }];
  const egress = [{ action: "Deny", to: [{ networks: ["10.0.0.0/8"] }], protocols }];
  const { faults, rules } = parseClusterPolicy({ spec: { ...cluster, egress } }, "c");
  assert.equal(faults.length, 1);
  assert.equal(rules.egress?.[0]?.peers, undefined);
});

test("a subject that cannot be read is all pods", () => {
  assert.equal(parseClusterPolicy({ spec: { ...cluster, subject: {} } }, "c").subject, ALL_PODS);
});

test("what the API lets through has no faults", () => {
  fc.assert(
    fc.property(randomCluster(3), (objects) => {
      const engine = createTestEngine();
      engine.apply([...changesOf(objects).values()]);
      for (const { faults } of engine.policies.faulty.values())
        for (const { path, problem } of faults)
          assert.match(`${path} ${problem}`, /domainNames is not a known field$/);
    }),
  );
});

test("projectPod() takes what is there of a pod, whatever else is wrong with it", () => {
  const raw = {
    metadata: { namespace: "x", name: "p", uid: "u", labels: { app: "web", broken: 7 } },
    spec: {
      nodeName: "n",
      containers: [
        {
          ports: [
            { name: "http", containerPort: 80 },
            { containerPort: 81 },
            { name: "bad", containerPort: "x" },
          ],
        },
      ],
      initContainers: [
        { ports: [{ name: "early", containerPort: 1 }] },
        { restartPolicy: "Always", ports: [{ name: "side", protocol: "UDP", containerPort: 2 }] },
      ],
    },
    status: {
      phase: "Running",
      podIP: "10.0.0.1",
      podIPs: [{ ip: "10.0.0.1" }, { ip: "FD00::1" }, { ip: "none" }],
    },
  };
  assert.deepEqual(
    projectPod(raw, (node) => node === "n"),
    {
      namespace: "x",
      name: "p",
      uid: "u",
      labels: labelsOf({ app: "web" }),
      addresses: ["10.0.0.1", "fd00::1"],
      ports: [
        { name: "http", protocol: "TCP", port: 80 },
        { name: undefined, protocol: "TCP", port: 81 },
        { name: "side", protocol: "UDP", port: 2 },
      ],
      node: "n",
      phase: "Running",
      hostNetwork: false,
    },
  );
  assert.equal(
    projectPod({ metadata: { namespace: "x" } }, () => true),
    undefined,
  );
});

test("a static pod has the UID of its mirror: the runtime knows the other one", () => {
  const annotations = { "kubernetes.io/config.mirror": "hash" };
  const raw = { metadata: { namespace: "x", name: "p", uid: "u", annotations }, spec: { nodeName: "n" } };
  assert.equal(projectPod(raw, () => true)?.uid, "hash");
});

// The path had the key as it was: a line of the log, and an Event, of 1 MB, or with bytes for a terminal.
test("a field with an absurd name is shown cut and quoted", () => {
  for (const key of ["k".repeat(1 << 20), "line\nbreak \u001b[31m", "\u{1f600}".repeat(100), ""]) {
    const { faults } = parse({ ...web, ingress: [{ [key]: 1 }] });
    assert.equal(faults.length, 1);
    assert.match(faults.join(), /^spec\.ingress\[0\]\["[^\p{Cc}]*\] 1 is not a known field$/u);
    assert.ok(faults.join().length < 300);
  }
});

test("keys that objects of JavaScript have by themselves are labels and fields like any other", () => {
  const labels = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}') as object;
  const pod = projectPod({ metadata: { namespace: "x", name: "p", labels } }, () => true);
  assert.deepEqual(pod?.labels, ["__proto__", "a", "constructor", "b", "toString", "c"]);
  const policy = parseNetworkPolicy({ spec: { podSelector: { matchLabels: labels } } }, "x", "np");
  assert.deepEqual(policy.faults, []);
  assert.ok(matchesPod(policy.subject, pod ?? assert.fail(), undefined));
  const other = projectPod({ metadata: { namespace: "x", name: "q", labels: {} } }, () => true);
  assert.ok(!matchesPod(policy.subject, other ?? assert.fail(), undefined));
  for (const key of ["__proto__", "constructor"]) {
    const spec = JSON.parse(`{"podSelector":{},"ingress":[{"${key}":{"from":[]}}]}`) as object;
    assert.equal(parse(spec).faults.length, 1, key);
  }
});

// They were joined by that byte to find equal ones: one pod had the labels of another.
test("a label with a zero byte is none, and makes no two pods' labels the same", () => {
  const labelsIn = (labels: object) =>
    projectPod({ metadata: { namespace: "x", name: "p", labels } }, () => true)?.labels;
  assert.deepEqual(labelsIn({ a: "b", c: "d" }), ["a", "b", "c", "d"]);
  assert.deepEqual(labelsIn({ a: "b\0c\0d", "e\0f": "g", h: "i" }), ["h", "i"]);
});

// The kernel's side could not write the port, and with it none of the node's policies.
test("a declared port that is no whole number of the range is none", () => {
  for (const containerPort of [80.5, 0, -1, 65_536, NaN, Infinity, "80", null, {}, [80], true]) {
    const spec = { nodeName: "n", containers: [{ ports: [{ name: "http", containerPort }] }] };
    const pod = projectPod({ metadata: { namespace: "x", name: "p" }, spec }, () => true);
    assert.deepEqual(pod?.ports, [], JSON.stringify(containerPort));
  }
});

test("parsers read any JSON without throwing", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      for (const raw of [
        value,
        { spec: value },
        { spec: { podSelector: value, ingress: value, subject: value } },
      ]) {
        parseNetworkPolicy(raw, "x", "np");
        parseClusterPolicy(raw, "c");
        projectPod(raw, () => true);
      }
    }),
  );
});
