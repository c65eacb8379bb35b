import type { NftExpression, NftRule } from "./forward-chain.ts";
import {
  allOf,
  type Answer,
  asksForDestination,
  type FirstPacket,
  isAmong,
  meets,
  readKey,
} from "./match-packet.ts";

/** A table of somebody else: chains, sets and verdict maps by name, as in libnftables-json(5). */
export interface ForeignTable {
  readonly family: string;
  readonly name: string;
  readonly chains: ReadonlyMap<string, ForeignChain>;
  /** Of maps, pairs of key and verdict. */
  readonly sets: ReadonlyMap<string, readonly unknown[]>;
}

export interface ForeignChain {
  readonly name: string;
  readonly rules: readonly NftRule[];
  /** Of a base chain. */
  readonly base: { readonly type: string; readonly hook: string; readonly priority: number } | undefined;
}

/** Where a packet may go instead. */
export interface Endpoint {
  readonly address: string;
  /** Undefined: that of the packet, or one that nft does not show. */
  readonly port: number | undefined;
}

/** What may happen to a packet in one of the chains that it passes. */
export interface Outcome {
  readonly kind: "translated" | "refused" | "accepted";
  /** Chains passed, the base chain first. */
  readonly chains: readonly string[];
  /** New destination, where nft shows it. */
  readonly endpoint: Endpoint | undefined;
  /** A condition on the way asks for this very destination. */
  readonly isNamed: boolean;
}

export interface Walk {
  readonly outcomes: readonly Outcome[];
  /** The packet may come to the end of the chain. */
  readonly passes: boolean;
}

interface Place {
  readonly table: ForeignTable;
  readonly packet: FirstPacket;
  readonly chains: readonly string[];
  readonly isNamed: boolean;
}

const NOTHING: Walk = { outcomes: [], passes: true };

/** Follows a packet through a chain and those that it jumps to: every way that it may take. */
export function walkChain(table: ForeignTable, name: string, packet: FirstPacket): Walk {
  return walk({ table, packet, chains: [name], isNamed: false });
}

function walk(place: Place): Walk {
  const chain = place.chains.at(-1) ?? "";
  const outcomes: Outcome[] = [];
  for (const rule of place.table.chains.get(chain)?.rules ?? []) {
    const { packet, table } = place;
    const isNamed = place.isNamed || rule.some((expression) => names(place, expression));
    // Who asks for no port means all ports of a service, and not those of everything else.
    const asks = rule.map((expression) => conditionOf(place, expression, isNamed));
    const answer = allOf(asks);
    if (answer === "no") continue;
    const { ends, ...found } = follow({ table, packet, chains: place.chains, isNamed }, rule);
    outcomes.push(...found.outcomes);
    if (answer === "yes" && (ends || !found.passes)) return { outcomes, passes: found.passes };
  }
  return { outcomes, passes: true };
}

function names({ packet, table }: Place, expression: NftExpression): boolean {
  const { op, left } = (expression["match"] ?? {}) as { op?: string; left?: unknown };
  return op !== "!=" && asksForDestination(left) && meets(packet, expression, table.sets) === "yes";
}

function conditionOf({ packet, table, chains }: Place, expression: NftExpression, isNamed: boolean): Answer {
  const answer = meets(packet, expression, table.sets);
  // Those of kube-proxy's endpoints hold for all packets that come there.
  if (answer === "unknown" && "xt" in expression && isEndpoint(chains)) return "yes";
  return answer === "unknown" && packet.port === undefined && !isNamed && asksForPort(expression)
    ? "no"
    : answer;
}

function asksForPort({ match }: NftExpression): boolean {
  return /"(?:dport|l4proto|nexthdr)"|"field":"protocol"/.test(JSON.stringify(match ?? {}));
}

function isEndpoint(chains: readonly string[]): boolean {
  return chains.at(-1)?.startsWith("KUBE-SEP-") === true;
}

/** What the last word of a rule does. `ends`: no other rule of the chain comes after it. */
function follow(place: Place, rule: NftRule): Walk & { readonly ends: boolean } {
  const { chains, isNamed } = place;
  const end = (kind: Outcome["kind"], endpoint?: Endpoint) => ({
    outcomes: [{ kind, chains, endpoint, isNamed }],
    passes: false,
    ends: true,
  });
  for (const expression of rule) {
    const {
      jump,
      goto: further,
      dnat,
      xt,
      vmap,
    } = expression as Readonly<Record<string, { target?: string } | undefined>>;
    const target = jump?.target ?? further?.target;
    if (target !== undefined) {
      const found = walk({ ...place, chains: [...chains, target] });
      return { ...found, ends: further !== undefined || !found.passes };
    }
    if (vmap !== undefined) return followMap(place, vmap);
    if (dnat !== undefined) return end("translated", endpointOf(dnat));
    if ("redirect" in expression) return end("translated");
    if ("accept" in expression) return end("accepted");
    if ("drop" in expression || "reject" in expression) return end("refused");
    if ("return" in expression) return { ...NOTHING, ends: true };
    const { name } = (xt ?? {}) as { readonly name?: string };
    if (name === "REJECT" || name === "DROP") return end("refused");
    if (name === "DNAT") return end("translated", isEndpoint(chains) ? readEndpoint(place) : undefined);
    if (name === "REDIRECT" || name === "NETMAP") return end("translated");
  }
  return { ...NOTHING, ends: false };
}

function followMap(place: Place, vmap: object): Walk & { readonly ends: boolean } {
  const { key, data } = vmap as { key: Readonly<Record<string, unknown>>; data: unknown };
  const { table, packet } = place;
  const pairs =
    typeof data === "string" ? table.sets.get(data.slice(1)) : (data as { set?: readonly unknown[] }).set;
  const isNamed = place.isNamed || asksForDestination(key);
  const isRandom = "numgen" in key || "jhash" in key;
  const value = readKey(packet, key);
  const outcomes: Outcome[] = [];
  let passes = !isRandom;
  for (const [element, verdict] of (pairs ?? []) as readonly (readonly [unknown, NftExpression])[]) {
    const answer = isAmong(value, element, table.sets);
    if (answer === "no" || (answer === "unknown" && !isRandom && !isNamed)) continue;
    const found = follow({ ...place, isNamed }, [verdict]);
    outcomes.push(...found.outcomes);
    if (answer === "yes") return { outcomes, passes: found.passes, ends: found.ends };
    passes ||= found.passes;
  }
  return { outcomes, passes, ends: !passes };
}

function endpointOf(dnat: object): Endpoint | undefined {
  const { addr, port } = dnat as { readonly addr?: unknown; readonly port?: unknown };
  return typeof addr === "string"
    ? { address: addr, port: typeof port === "number" ? port : undefined }
    : undefined;
}

/** nft does not show where iptables' DNAT leads; kube-proxy's chain asks for the same address as source. */
function readEndpoint({ table, chains }: Place): Endpoint | undefined {
  for (const { match } of (table.chains.get(chains.at(-1) ?? "")?.rules ?? []).flat()) {
    const { left, right } = (match ?? {}) as { left?: { payload?: { field?: string } }; right?: unknown };
    if (left?.payload?.field === "saddr" && typeof right === "string")
      return { address: right, port: undefined };
  }
  return undefined;
}
