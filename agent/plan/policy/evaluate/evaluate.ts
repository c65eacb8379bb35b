import { familyOf } from "../../../net/address.ts";
import { type Denial, type Lookup, type PolicyTable, podMapOf } from "../compile/policy-table.ts";
import { PROTOCOL_NUMBERS } from "../compile/port-sets.ts";
import { selfSpec } from "../compile/table-sets.ts";
import type { Direction, Protocol } from "../model.ts";
import { intervalsHold } from "./intervals-hold.ts";

/** First packet of a connection, after services are translated. */
export interface Packet {
  /** Canonical; of one family with the destination. */
  readonly source: string;
  readonly destination: string;
  /** A number for one that has no ports, such as 1, ICMP. */
  readonly protocol: Protocol | number;
  /** Of the destination. */
  readonly port: number;
}

/** What the table of one node does with a packet. */
export type Judgement =
  | { readonly passes: true }
  | { readonly passes: false; readonly chain: string; readonly denial: Denial };

const PASSES: Judgement = { passes: true };

/**
 * As the kernel does it: the source's chain, then the destination's. What the node itself sends to a pod does
 * not get this far: it always passes.
 */
export function evaluate(table: PolicyTable, packet: Packet): Judgement {
  for (const direction of ["egress", "ingress"] as const) {
    const judgement = evaluateDirection(table, packet, direction);
    if (!judgement.passes) return judgement;
  }
  return PASSES;
}

/** What the end that is a pod of this node says; any other one lets everything pass. */
export function evaluateDirection(table: PolicyTable, packet: Packet, direction: Direction): Judgement {
  const { source, destination } = packet;
  const family = familyOf(source);
  if (table.sets.get(selfSpec(family).name)?.elements.has(`${source} . ${destination}`) === true)
    return PASSES;
  const pod = direction === "ingress" ? destination : source;
  const chain = table.pods[podMapOf(direction, family)].get(pod);
  return chain === undefined ? PASSES : runChain(table, chain, keysOf(packet, direction));
}

/** What of a packet is looked up. */
interface Keys {
  readonly peer: string;
  readonly protocol: number;
  readonly port: number;
}

function keysOf({ source, destination, protocol, port }: Packet, direction: Direction): Keys {
  return {
    peer: direction === "ingress" ? source : destination,
    protocol: typeof protocol === "number" ? protocol : PROTOCOL_NUMBERS[protocol],
    port,
  };
}

function runChain(table: PolicyTable, name: string, keys: Keys): Judgement {
  for (const { lookups, verdict } of table.chains.get(name)?.rules ?? []) {
    if (!lookups.every((lookup) => holds(table, lookup, keys))) continue;
    if (verdict.kind === "drop") return { passes: false, chain: name, denial: verdict.denial };
    return verdict.kind === "goto" ? runChain(table, verdict.chain, keys) : PASSES;
  }
  return PASSES;
}

function holds({ sets }: PolicyTable, { key, set: name, isNegated }: Lookup, keys: Keys): boolean {
  const set = sets.get(name);
  if (set === undefined)
    throw new RangeError(`Cannot look up set "${name}": the table has none of that name`);
  const { peer, protocol, port } = keys;
  const text = {
    peer,
    "peer . protocol . port": `${peer} . ${protocol} . ${port}`,
    "protocol . port": `${protocol} . ${port}`,
  }[key];
  const found = set.spec.isInterval ? intervalsHold(set, text) : set.elements.has(text);
  return found !== isNegated;
}
