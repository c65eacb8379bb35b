import { digestOf } from "../../reconcile/policy/digest.ts";
import { isObject } from "../../lib/json.ts";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { cidrOf } from "../../net/cidr.ts";
import type { Protocol } from "../../plan/policy/model.ts";
import { projectNamespace, projectPod } from "../../plan/policy/parse/project-pod.ts";
import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";
import { createPolicyEngine, type PolicyEngine } from "../../plan/policy/state/policy-engine.ts";
import { policyChange } from "./raw-objects.ts";

const FOLDER =
  process.env["CAUSEWAY_POLICY_VECTORS"] ?? new URL("../../plan/policy/vectors", import.meta.url).pathname;

/**
 * A cluster with the verdicts of an independent matcher (cyclonus 0.5.6, pkg/matcher), a line of JSON each:
 * 300 random ones, and written scenarios step by step.
 */
export interface Vector {
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly pods: readonly VectorPod[];
  readonly external: readonly string[];
  readonly policies: readonly {
    readonly metadata: { readonly namespace: string; readonly name: string };
    readonly spec: unknown;
  }[];
  readonly ports: readonly (readonly [Protocol, number])[];
  /**
   * A text for each port, of which character `from × N + to` (N = pods and addresses outside, pods first)
   * says "1" allowed in that direction, "0" denied, "." not asked.
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

export function readVectors(name: string): readonly Vector[] {
  const lines = gunzipSync(readFileSync(`${FOLDER}/${name}`))
    .toString()
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as Vector);
}

/**
 * The matcher behind the tables takes `NotIn` for false where an object has no such label
 * (IsMatchExpressionMatchForLabels of cyclonus 0.5.6, pkg/kube/labelselector.go). For Kubernetes, and for us,
 * it is true then (Requirement.Matches of apimachinery, pkg/labels/selector.go). So the tables are those of
 * policies that ask for the label, too.
 */
function withMatchersNotIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withMatchersNotIn);
  if (!isObject(value)) return value;
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withMatchersNotIn(inner)]),
  );
  const { matchExpressions } = copy;
  if (!Array.isArray(matchExpressions)) return copy;
  const asked = matchExpressions.filter(
    (expression) => isObject(expression) && expression["operator"] === "NotIn",
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
      const { metadata, spec } = withMatchersNotIn(given) as typeof given;
      return policyChange(metadata.namespace, metadata.name, spec);
    }),
  ];
}

/** An engine of the node that has all pods of a vector. */
export function engineOf(vector: Vector): PolicyEngine {
  const network = { cidrs: [cidrOf("10.244.0.0", 16)], gateways: [] };
  const engine = createPolicyEngine({ nodeName: "here", families: [4], network, digestOf });
  engine.apply(changesOf(vector));
  for (const { name } of engine.policies.faulty.values()) throw new Error(`policy ${name} is not understood`);
  return engine;
}

/** Addresses of pods, then of those outside. */
export function endsOf({ pods, external }: Vector): readonly string[] {
  return [...pods.map(({ ip }) => ip), ...external];
}

/** Whether the table says something of packets from one end to another, by their numbers. */
export function isAsked({ pods }: Vector, from: number, to: number): boolean {
  return from !== to && (from < pods.length || to < pods.length);
}
