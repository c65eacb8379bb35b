import type { PacketHeaders } from "../../../net/read-packet.ts";
import { findDenial } from "../compile/drop-names.ts";
import { PROTOCOL_NUMBERS } from "../compile/port-sets.ts";
import { explain, formatDecision } from "../evaluate/explain.ts";
import { type Direction, objectKey, type Protocol } from "../model.ts";
import { findPodAt } from "../state/objects/object-store.ts";
import type { PolicyEngine } from "../state/policy-engine.ts";

/** One end of a packet that was dropped. */
export interface DropEnd {
  readonly address: string;
  /** `NAMESPACE/NAME` of the pod that has the address; undefined: none that is known here. */
  readonly pod: string | undefined;
}

/** A packet that policies have dropped, for people. */
export interface Drop {
  readonly direction: Direction;
  readonly from: DropEnd;
  readonly to: DropEnd;
  /** Such as `TCP`, or the number of one without a name. */
  readonly protocol: string;
  /** Of the destination, behind services; undefined where the protocol has none. */
  readonly port: number | undefined;
  /** Names (`NAMESPACE/NAME`, `NAME`) of policies that isolate the pod, or that have the rules which deny. */
  readonly policies: readonly string[];
  /** Why, such as `Admin no-scanners, ingress rule 2` or `isolated by default/web, no rule allows it`. */
  readonly reason: string;
  /** What people who look for the reason do not expect, as a sentence. */
  readonly hint: string | undefined;
}

export interface DropContext {
  readonly engine: PolicyEngine;
  /** Whether an address is this node's own. */
  readonly isLocal: (address: string) => boolean;
}

const NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  ...Object.entries(PROTOCOL_NUMBERS).map(([name, number]): [number, string] => [number, name]),
  [1, "ICMP"],
  [58, "ICMPv6"],
]);

/**
 * `name`: of what dropped it, see {@link findDenial}. Undefined: the table has that no more, so nothing is
 * known of it.
 */
export function describeDrop(context: DropContext, name: string, packet: PacketHeaders): Drop | undefined {
  const denial = findDenial(context.engine.table, name);
  if (denial === undefined) return undefined;
  const { source, destination, protocol, ports } = packet;
  const { direction, policies } = denial;
  return {
    direction,
    from: endOf(context, source),
    to: endOf(context, destination),
    protocol: nameOfProtocol(protocol),
    port: ports?.destination,
    policies,
    reason: decisionOf(context, packet, direction) ?? isolatedBy(policies),
    hint: hintOf(context, packet, direction),
  };
}

export function nameOfProtocol(number: number): string {
  return NAMES.get(number) ?? String(number);
}

/** In words, that no rule of policies allows something. None: nobody knows the pod's labels yet. */
export function isolatedBy(policies: readonly string[]): string {
  if (policies.length === 0) return "isolated until the pod's labels are known";
  return `isolated by ${policies.join(", ")}, no rule allows it`;
}

function endOf({ engine }: DropContext, address: string): DropEnd {
  const pod = findPodAt(engine.objects, address);
  return { address, pod: pod && objectKey(pod.namespace, pod.name) };
}

/** The rule that denies. Undefined: none does, or what is known has changed since. */
function decisionOf(
  { engine }: DropContext,
  packet: PacketHeaders,
  direction: Direction,
): string | undefined {
  const { source, destination, protocol, ports } = packet;
  const judged = { source, destination, protocol: protocolOf(protocol), port: ports?.destination ?? 0 };
  const explanation = explain(engine, judged, direction);
  if (explanation.reason !== "rule" || explanation.passes) return undefined;
  return formatDecision(explanation, direction);
}

/** The name of a protocol that has ports, by which policies call it. */
export function protocolOf(number: number): Protocol | number {
  const [name] = Object.entries(PROTOCOL_NUMBERS).find(([, value]) => value === number) ?? [];
  return (name as Protocol | undefined) ?? number;
}

function hintOf(
  { engine, isLocal }: DropContext,
  packet: PacketHeaders,
  direction: Direction,
): string | undefined {
  const { source, destination } = packet;
  const other = direction === "ingress" ? source : destination;
  if (isLocal(other)) return `${other} is this node: no selector covers it, only an ipBlock`;
  const nodes = [...engine.objects.nodes.values()];
  if (engine.network.gateways.includes(other) || nodes.some(({ addresses }) => addresses.includes(other)))
    return `${other} is another node, or what it has masqueraded: no selector covers it, only an ipBlock`;
  return undefined;
}
