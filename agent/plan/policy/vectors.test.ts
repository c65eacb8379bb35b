import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { cidrOf } from "../../net/cidr.ts";
import { evaluateDirection } from "./evaluate/evaluate.ts";
import type { Protocol } from "./model.ts";
import { isRecord } from "./parse/fields.ts";
import { parseNetworkPolicy } from "./parse/parse-network-policy.ts";
import { projectNamespace, projectPod } from "./parse/project-pod.ts";
import type { ObjectChange } from "./state/object-change.ts";
import { createPolicyEngine, type PolicyEngine } from "./state/policy-engine.ts";

const FOLDER = process.env["CAUSEWAY_POLICY_VECTORS"] ?? join(import.meta.dirname, "vectors");

/**
 * A cluster with the verdicts of an independent matcher (cyclonus 0.5.6, pkg/matcher), a line of JSON each: 300 random ones, and written scenarios
 * step by step.
 */
interface Vector {
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly pods: readonly VectorPod[];
  readonly external: readonly string[];
  readonly policies: readonly { readonly metadata: { readonly namespace: string; readonly name: string } }[];
  readonly ports: readonly (readonly [Protocol, number])[];
  /**
   * A text for each port, of which character `from × N + to` (N = pods and addresses outside, pods first) says "1" allowed in that direction, "0"
   * denied, "." not asked.
   */
  readonly ingress: readonly string[];
  readonly egress: readonly string[];
}

interface VectorPod {
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly number: number }[];
}

function read(name: string): readonly Vector[] {
  const lines = gunzipSync(readFileSync(join(FOLDER, name)))
    .toString()
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as Vector);
}

/**
 * The matcher behind the tables takes `NotIn` for false where an object has no such label (IsMatchExpressionMatchForLabels of cyclonus 0.5.6,
 * pkg/kube/labelselector.go). For Kubernetes, and for us, it is true then (Requirement.Matches of apimachinery, pkg/labels/selector.go). So the tables
 * are those of policies that ask for the label, too.
 */
function withMatchersNotIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withMatchersNotIn);
  if (!isRecord(value)) return value;
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withMatchersNotIn(inner)]),
  );
  const { matchExpressions } = copy;
  if (!Array.isArray(matchExpressions)) return copy;
  const asked = matchExpressions.filter(
    (expression) => isRecord(expression) && expression["operator"] === "NotIn",
  );
  const present = asked.map((expression: { key: string }) => ({ key: expression.key, operator: "Exists" }));
  return { ...copy, matchExpressions: [...matchExpressions, ...present] };
}

function podObject({ namespace, name, labels, ports }: VectorPod): unknown {
  const containers = [
    {
      ports: ports.map((port) => ({ name: port.name, protocol: port.protocol, containerPort: port.number })),
    },
  ];
  return {
    metadata: { namespace, name, labels },
    spec: { nodeName: "here", containers },
    status: { phase: "Running" },
  };
}

function changesOf({ namespaces, pods, policies }: Vector): readonly ObjectChange[] {
  return [
    ...Object.entries(namespaces).map(([name, labels]): ObjectChange => {
      return { kind: "namespace", name, namespace: projectNamespace({ metadata: { name, labels } }) };
    }),
    ...pods.flatMap((pod): ObjectChange[] => {
      const { namespace, name, ip } = pod;
      return [
        { kind: "pod", namespace, name, pod: projectPod(podObject(pod), () => true) },
        {
          kind: "attachment",
          id: `${namespace}/${name}`,
          attachment: { namespace, name, uid: undefined, addresses: [ip] },
        },
      ];
    }),
    ...policies.map((given): ObjectChange => {
      const raw = withMatchersNotIn(given) as typeof given;
      const policy = parseNetworkPolicy(raw, raw.metadata.namespace, raw.metadata.name);
      assert.deepEqual(policy.faults, []);
      return { kind: "policy", name: policy, policy };
    }),
  ];
}

/** The strings of the table for one direction, and how many verdicts they hold. */
function judge(
  { table }: PolicyEngine,
  { pods, external, ports, ...want }: Vector,
  direction: "ingress" | "egress",
): number {
  const ends = [...pods.map(({ ip }) => ip), ...external];
  let verdicts = 0;
  for (const [index, [protocol, port]] of ports.entries()) {
    let text = "";
    for (const [from, source] of ends.entries())
      for (const [to, destination] of ends.entries()) {
        const isAsked = from !== to && (from < pods.length || to < pods.length);
        if (isAsked) verdicts += 1;
        const judgement =
          isAsked && evaluateDirection(table, { source, destination, protocol, port }, direction);
        text += judgement === false ? "." : judgement.passes ? "1" : "0";
      }
    assert.equal(text, want[direction][index], `${direction} ${protocol} ${port}`);
  }
  return verdicts;
}

for (const { file, least } of [
  { file: "random.jsonl.gz", least: 1_000_000 },
  { file: "scenarios.jsonl.gz", least: 100_000 },
])
  test(`the table judges as the truth tables of ${file} do`, () => {
    let verdicts = 0;
    for (const vector of read(file)) {
      const network = { cidrs: [cidrOf("10.244.0.0", 16)], gateways: [] };
      const engine = createPolicyEngine({ nodeName: "here", families: [4], network });
      engine.apply(changesOf(vector));
      verdicts += judge(engine, vector, "ingress") + judge(engine, vector, "egress");
    }
    assert.ok(verdicts > least, `${verdicts} verdicts`);
  });
