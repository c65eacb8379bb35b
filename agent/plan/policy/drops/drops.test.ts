import assert from "node:assert/strict";
import { test } from "node:test";
import type { PacketHeaders } from "../../../net/read-packet.ts";
import { createTestEngine } from "../../../testing/policy/cluster-changes.ts";
import { GATEWAYS, HERE } from "../../../testing/policy/random-cluster.ts";
import { dropName, findDenial } from "../compile/drop-names.ts";
import type { Denial, PolicyChain, PolicyTable } from "../compile/policy-table.ts";
import { evaluate } from "../evaluate/evaluate.ts";
import { projectNamespace, projectPod } from "../parse/project-pod.ts";
import type { PolicyEngine } from "../state/policy-engine.ts";
import { createDenialTotals } from "./denial-totals.ts";
import { describeDrop } from "./describe-drop.ts";
import { policyChange } from "../../../testing/policy/raw-objects.ts";

const WEB = "10.244.1.10";
const CLIENT = "10.244.2.20";
const NODE = "192.0.2.10";

/** Pod default/web of this node, default/client of another one, and these policies of default/web. */
function engineWith(
  ...policies: readonly { readonly name: string; readonly namespace?: string; readonly spec: unknown }[]
): PolicyEngine {
  const engine = createTestEngine();
  const raw = (name: string, node: string, podIP: string) => ({
    metadata: { namespace: "default", name, labels: { app: name } },
    spec: { nodeName: node, containers: [] },
    status: { phase: "Running", podIP },
  });
  engine.apply([
    { kind: "namespace", name: "default", namespace: projectNamespace({ metadata: { name: "default" } }) },
    { kind: "pod", namespace: "default", name: "web", pod: projectPod(raw("web", HERE, WEB), () => true) },
    {
      kind: "pod",
      namespace: "default",
      name: "client",
      pod: projectPod(raw("client", "other", CLIENT), () => true),
    },
    {
      kind: "attachment",
      id: "web",
      attachment: { namespace: "default", name: "web", uid: undefined, addresses: [WEB] },
    },
    ...policies.map(({ name, namespace, spec }) => policyChange(namespace, name, spec)),
  ]);
  return engine;
}

const ISOLATED = {
  name: "deny",
  namespace: "default",
  spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
};
const NO_SCANNERS = {
  name: "no-scanners",
  spec: {
    tier: "Admin",
    priority: 1,
    subject: { namespaces: {} },
    ingress: [
      { action: "Accept", from: [{ namespaces: { matchLabels: { name: "none" } } }] },
      { action: "Deny", from: [{ namespaces: {} }] },
    ],
  },
};

function tcp(source: string, destination: string): PacketHeaders {
  return { source, destination, protocol: 6, ports: { source: 40000, destination: 80 }, icmpType: undefined };
}

/** Name of what drops a packet, as the kernel tells it. */
function dropOf({ table }: PolicyEngine, { source, destination }: PacketHeaders): string {
  const judged = evaluate(table, { source, destination, protocol: 6, port: 80 });
  if (judged.passes) return assert.fail("it passes");
  const rules = table.chains.get(judged.chain)?.rules ?? [];
  const index = rules.findIndex(({ verdict }) => verdict.kind === "drop" && verdict.denial === judged.denial);
  return dropName(judged.chain, index);
}

for (const { name, policies, packet, want } of [
  {
    name: "the policies that isolate, and both pods",
    policies: [ISOLATED],
    packet: tcp(CLIENT, WEB),
    want: {
      direction: "ingress",
      from: { address: CLIENT, pod: "default/client" },
      to: { address: WEB, pod: "default/web" },
      protocol: "TCP",
      port: 80,
      policies: ["default/deny"],
      reason: "isolated by default/deny, no rule allows it",
      hint: undefined,
    },
  },
  {
    name: "the rule of a ClusterNetworkPolicy that denies",
    policies: [ISOLATED, NO_SCANNERS],
    packet: tcp(CLIENT, WEB),
    want: { policies: ["no-scanners"], reason: "Admin no-scanners, ingress rule 2" },
  },
  {
    name: "that no selector covers the own node, where NodeLocal DNS listens (projectcalico/calico#3795)",
    policies: [ISOLATED],
    packet: tcp(WEB, NODE),
    want: {
      direction: "egress",
      to: { address: NODE, pod: undefined },
      hint: `${NODE} is this node: no selector covers it, only an ipBlock`,
    },
  },
  {
    name: "that a gateway's address is another node (cloudnativelabs/kube-router#332)",
    policies: [ISOLATED],
    packet: tcp(GATEWAYS[0] ?? "", WEB),
    want: {
      hint: `${GATEWAYS[0]} is another node, or what it has masqueraded: no selector covers it, only an ipBlock`,
    },
  },
]) {
  test(`describeDrop() tells ${name}`, () => {
    const engine = engineWith(...policies);
    const drop = describeDrop(
      { engine, isLocal: (address) => address === NODE },
      dropOf(engine, packet),
      packet,
    );
    assert.partialDeepStrictEqual(drop, want);
  });
}

test("describeDrop() tells nothing of a chain that is gone, and no port of ICMP", () => {
  const engine = engineWith(ISOLATED);
  const context = { engine, isLocal: () => false };
  const packet = tcp(CLIENT, WEB);
  assert.equal(describeDrop(context, "in4-0000000000000000-d0", packet), undefined);
  const ping = { ...packet, protocol: 1, ports: undefined, icmpType: 8 };
  const drop = describeDrop(context, dropOf(engine, packet), ping);
  assert.deepEqual([drop?.protocol, drop?.port], ["ICMP", undefined]);
});

function tableOf(...chains: readonly (readonly [string, Denial])[]): PolicyTable {
  const entries = chains.map(([name, denial]): [string, PolicyChain] => [
    name,
    {
      name,
      direction: denial.direction,
      family: 4,
      rules: [{ lookups: [], verdict: { kind: "drop", denial } }],
    },
  ]);
  const none = new Map<string, string>();
  const pods = { "pods-out4": none, "pods-out6": none, "pods-in4": none, "pods-in6": none };
  return { sets: new Map(), chains: new Map(entries), pods };
}

const A: Denial = { direction: "ingress", tier: "NetworkPolicy", policies: ["default/a"] };
const BOTH: Denial = { direction: "ingress", tier: "NetworkPolicy", policies: ["default/a", "default/b"] };

test("createDenialTotals() only grows, whatever becomes of the chains that count", () => {
  const totals = createDenialTotals();
  const a = ["default", "a"] as const;
  const packetsOf = () => totals.list().map(({ namespace, policy, packets }) => [namespace, policy, packets]);
  totals.update(tableOf(["one", A]), new Map([["one-d0", 5]]));
  assert.deepEqual(packetsOf(), [[...a, 5]]);
  totals.update(tableOf(["one", A]), new Map([["one-d0", 7]]));
  assert.deepEqual(packetsOf(), [[...a, 7]]);
  // The table of the agent is ahead of the kernel's.
  totals.update(
    tableOf(["two", BOTH]),
    new Map([
      ["one-d0", 8],
      ["two-d0", 1],
    ]),
  );
  assert.deepEqual(packetsOf(), [
    [...a, 9],
    ["default", "b", 1],
  ]);
  totals.update(tableOf(["two", BOTH]), new Map([["two-d0", 1]]));
  totals.update(tableOf(["two", BOTH]), new Map([["two-d0", 0]]));
  totals.update(tableOf(["two", BOTH]), new Map([["two-d0", 2]]));
  assert.deepEqual(packetsOf(), [
    [...a, 11],
    ["default", "b", 3],
  ]);
});

test("createDenialTotals() tells cluster-wide policies by an empty namespace, and pods without labels by an empty policy", () => {
  const totals = createDenialTotals();
  const admin: Denial = { direction: "egress", tier: "Admin", policies: ["no-scanners"] };
  const unknown: Denial = { direction: "ingress", tier: undefined, policies: [] };
  const table = tableOf(["x", admin], ["y", unknown]);
  totals.update(
    table,
    new Map([
      ["x-d0", 1],
      ["y-d0", 2],
      ["foreign", 3],
    ]),
  );
  assert.deepEqual(totals.list(), [
    { direction: "egress", namespace: "", policy: "no-scanners", packets: 1 },
    { direction: "ingress", namespace: "", policy: "", packets: 2 },
  ]);
  assert.equal(findDenial(table, "x-d0"), admin);
});
