import type { FirstPacket } from "./match-packet.ts";
import { type Endpoint, type ForeignTable, type Outcome, type Walk, walkChain } from "./walk-rules.ts";

/** What the rules of others make of a connection's first packet. */
export type RulesVerdict =
  | { readonly kind: "untouched" }
  | { readonly kind: "translated"; readonly chain: string; readonly endpoints: readonly Endpoint[] }
  | { readonly kind: "refused"; readonly chain: string }
  /** Only other ports of the address are translated. */
  | { readonly kind: "other ports"; readonly chain: string }
  /** It may be translated; `isNamed`: the rules ask for its very destination. */
  | { readonly kind: "unknown"; readonly chain: string; readonly isNamed: boolean };

/**
 * Follows the packet as the kernel does: first the chains that translate, and what they let by through those
 * that refuse.
 */
export function translateTarget(tables: readonly ForeignTable[], packet: FirstPacket): RulesVerdict {
  for (const { table, walk } of walkHooks(tables, packet, "nat", ["prerouting"])) {
    const { outcomes, passes } = walk;
    const translations = outcomes.filter(({ kind }) => kind === "translated");
    const [first] = translations;
    if (first === undefined) continue;
    const chain = chainOf(table, first);
    const found = translations.flatMap(({ endpoint }) => endpoint ?? []);
    const endpoints = [...new Map(found.map((each) => [`${each.address} ${each.port}`, each])).values()];
    const isWhole = translations.every(({ endpoint }) => endpoint !== undefined);
    if (!passes && isWhole && translations.length === outcomes.length)
      return { kind: "translated", chain, endpoints };
    return { kind: "unknown", chain, isNamed: translations.some(({ isNamed }) => isNamed) };
  }
  const refusing = findRefusal(tables, packet);
  if (refusing !== undefined) return { kind: "refused", chain: refusing };
  // An address of the node has ports of many.
  if (packet.port === undefined || packet.isLocal) return { kind: "untouched" };
  const whole = translateTarget(tables, { ...packet, port: undefined });
  return whole.kind === "unknown" && whole.isNamed
    ? { kind: "other ports", chain: whole.chain }
    : { kind: "untouched" };
}

function findRefusal(tables: readonly ForeignTable[], packet: FirstPacket): string | undefined {
  const hooks = ["prerouting", packet.isLocal ? "input" : "forward"];
  for (const { table, walk } of walkHooks(tables, packet, "filter", hooks)) {
    const refusal = walk.outcomes.find(({ kind, isNamed }) => kind === "refused" && isNamed);
    if (refusal !== undefined) return chainOf(table, refusal);
  }
  return undefined;
}

/** Base chains of a type in the order in which the packet passes them. */
function walkHooks(
  tables: readonly ForeignTable[],
  packet: FirstPacket,
  type: string,
  hooks: readonly string[],
): readonly { readonly table: ForeignTable; readonly walk: Walk }[] {
  return tables
    .flatMap((table) => [...table.chains.values()].map(({ name, base }) => ({ table, name, base })))
    .flatMap(({ table, name, base }) =>
      base?.type === type && hooks.includes(base.hook) ? [{ table, name, ...base }] : [],
    )
    .toSorted(
      (one, other) => hooks.indexOf(one.hook) - hooks.indexOf(other.hook) || one.priority - other.priority,
    )
    .map(({ table, name }) => ({ table, walk: walkChain(table, name, packet) }));
}

/** The chain that tells most to people: of kube-proxy that of the service, else the last. */
function chainOf({ family, name }: ForeignTable, { chains }: Outcome): string {
  const service = chains.find((chain) => /^(?:service-|KUBE-SVC-)/.test(chain));
  return `${family} ${name} ${service ?? chains.at(-1) ?? ""}`;
}
