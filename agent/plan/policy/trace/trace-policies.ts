import type { NodeSide } from "../connections/is-forbidden.ts";
import { isolatedBy, nameOfProtocol, protocolOf } from "../drops/describe-drop.ts";
import { PROTOCOL_NUMBERS } from "../compile/port-sets.ts";
import { type Direction, objectKey } from "../model.ts";
import { findPodAt } from "../state/objects/object-store.ts";
import type { PolicyEngine } from "../state/policy-engine.ts";
import { evaluateDirection, type Packet } from "../evaluate/evaluate.ts";
import { type Explanation, explain, formatDecision } from "../evaluate/explain.ts";

/** What policies of this node say of the first packet of a connection. */
export interface PolicyTrace {
  readonly port: string;
  readonly hops: readonly PolicyHop[];
}

/** What the policies of one end say. */
export interface PolicyHop {
  readonly direction: Direction;
  /** Undefined: this node does not judge it. */
  readonly passes: boolean | undefined;
  /** The rule that decides, or why none does; as a sentence's end. */
  readonly reason: string;
  /** The table says otherwise than the policies: a fault of ours. */
  readonly isTableWrong: boolean;
}

export interface TraceContext extends NodeSide {
  readonly engine: PolicyEngine;
  readonly nodeName: string;
}

/**
 * `packet`: after translations of the destination. A source that is not a pod of this node is judged where it
 * is one.
 */
export function tracePolicies(context: TraceContext, packet: Packet): PolicyTrace {
  const { port } = packet;
  const protocol = typeof packet.protocol === "number" ? protocolOf(packet.protocol) : packet.protocol;
  const name = typeof protocol === "number" ? nameOfProtocol(protocol) : protocol;
  const judged = { ...packet, protocol };
  const hasPort = name in PROTOCOL_NUMBERS;
  return {
    port: hasPort ? `${name} ${port}` : name,
    hops: (["egress", "ingress"] as const).flatMap((direction) => hopOf(context, judged, direction) ?? []),
  };
}

function hopOf(context: TraceContext, packet: Packet, direction: Direction): PolicyHop | undefined {
  const { engine, isLocal, toOwnNode } = context;
  const end = direction === "egress" ? packet.source : packet.destination;
  if (isLocal(end)) return undefined;
  const hop = (reason: string, passes?: boolean): PolicyHop => {
    return { direction, passes, reason, isTableWrong: false };
  };
  if (direction === "ingress" && isLocal(packet.source)) return hop("it comes from this node itself", true);
  if (direction === "egress" && toOwnNode === "allow" && isLocal(packet.destination))
    return hop("policy.toOwnNode lets pods reach their own node", true);
  const pod = podAt(context, end);
  if (pod === undefined)
    return direction === "egress"
      ? undefined
      : hop(`${end} is not a pod of this node: its own node enforces its policies`);
  const explanation = explain(engine, packet, direction);
  const judgement = evaluateDirection(engine.table, packet, direction);
  return {
    direction,
    passes: explanation.passes,
    reason: describe(explanation, pod, direction),
    isTableWrong: judgement.passes !== explanation.passes,
  };
}

/** Name of the pod of this node that has an address. */
function podAt(
  { engine: { objects, strangers }, nodeName }: TraceContext,
  address: string,
): string | undefined {
  const pod = findPodAt(objects, address, ({ node }) => node === nodeName);
  if (pod !== undefined) return objectKey(pod.namespace, pod.name);
  return strangers().has(address) ? "the pod" : undefined;
}

function describe(explanation: Explanation, pod: string, direction: Direction): string {
  switch (explanation.reason) {
    case "own address":
      return "a pod may always reach itself";
    case "no pod":
    case "not selected":
      return `no policy selects ${pod} for ${direction}`;
    case "labels unknown":
      return isolatedBy([]);
    case "isolated":
      return isolatedBy(explanation.policies.map(({ namespace, name }) => objectKey(namespace, name)));
    case "rule":
      return `${formatDecision(explanation, direction)}, ${explanation.passes ? "allows it" : "denies it"}`;
  }
}
