/** Why what a node claims does not count; labels of the metric `causeway_peers_refused`. */
const REFUSAL_REASONS = [
  "conflict",
  "too_wide",
  "too_narrow",
  "outside_cluster_cidr",
  "reserved",
  "connected",
  "this_node",
  "other_node",
  "gateway",
  "dns_server",
  "api_server",
  "node_address",
  "wireguard_key",
] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** A PodCIDR or an address of a node that is not used. */
export interface Refusal {
  /** Name of the node. */
  readonly node: string;
  readonly reason: RefusalReason;
  /** A sentence with node, value and reason, and the remedy where there is one. */
  readonly text: string;
}

export type RefusalCounts = Readonly<Record<RefusalReason, number>>;

export function countRefusals(refusals: readonly Refusal[]): RefusalCounts {
  const counts = Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, 0])) as Record<
    RefusalReason,
    number
  >;
  for (const { reason } of refusals) counts[reason]++;
  return counts;
}

/** What is refused of one node's PodCIDRs, in one sentence; undefined when nothing is. */
export function ownRefusal(
  { refusals }: { readonly refusals: readonly Refusal[] },
  nodeName: string,
): string | undefined {
  const texts = refusals.filter(({ node }) => node === nodeName).map(({ text }) => text);
  return texts.length === 0 ? undefined : texts.join("; ");
}
