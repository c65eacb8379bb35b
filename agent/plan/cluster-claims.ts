import { type Cidr, cidrOf, formatCidr, parseCidr } from "../net/cidr.ts";

/** A node of the cluster, as far as its pods' traffic is concerned. */
export interface ClusterMember {
  readonly name: string;
  readonly createdMs: number;
  /** Internal addresses, the first of a family is the one to use. */
  readonly addresses: readonly string[];
  /** Canonical prefixes. */
  readonly podCIDRs: readonly string[];
}

/** A PodCIDR with the node that has it. */
export interface Claim {
  /** The prefix as text: nodes are compared by it. */
  readonly key: string;
  readonly cidr: Cidr;
  readonly node: ClusterMember;
}

export interface Claims {
  /** Those that count, by prefix. */
  readonly claims: ReadonlyMap<string, Claim>;
  /** Why others do not, as sentences. */
  readonly conflicts: readonly string[];
}

/** Nodes are immutable, and thousands of them stay the same from one plan to the next: each is parsed once. */
const parsed = new WeakMap<ClusterMember, readonly Claim[]>();

function claimsOf(node: ClusterMember): readonly Claim[] {
  const known = parsed.get(node);
  if (known !== undefined) return known;
  const claims = node.podCIDRs.flatMap((key) => {
    const cidr = parseCidr(key);
    return cidr === undefined ? [] : [{ key, cidr, node }];
  });
  parsed.set(node, claims);
  return claims;
}

/**
 * Settles which node a PodCIDR belongs to. Where two nodes claim one, or prefixes of which one holds the other, the newer Node has it: the
 * older is most likely one that was replaced and not deleted yet. What this node has is never given away: its pods live there.
 */
export function settleClaims(nodes: Iterable<ClusterMember>, own: ClusterMember | undefined): Claims {
  const claims = new Map<string, Claim>();
  const conflicts: string[] = [];
  const wins = (a: Claim, b: Claim): boolean => {
    if (a.node === own || b.node === own) return a.node === own;
    if (a.node.createdMs !== b.node.createdMs) return a.node.createdMs > b.node.createdMs;
    return a.node.name > b.node.name;
  };
  const settle = (claim: Claim, other: Claim): void => {
    const [winner, loser] = wins(claim, other) ? [claim, other] : [other, claim];
    if (loser === other) claims.delete(other.key);
    conflicts.push(
      `node "${loser.node.name}" claims ${loser.key}, which belongs to node "${winner.node.name}"` +
        (winner.key === loser.key ? "" : ` as part of ${winner.key}`),
    );
    if (winner === claim) claims.set(claim.key, claim);
  };
  for (const node of nodes) {
    for (const claim of claimsOf(node)) {
      const other = claims.get(claim.key);
      if (other === undefined) claims.set(claim.key, claim);
      else if (other.node !== node) settle(claim, other);
    }
  }
  for (const [inner, outer] of findOverlaps(claims)) {
    // One of the two may have lost to a third meanwhile.
    if (claims.get(inner.key) !== inner || claims.get(outer.key) !== outer) continue;
    claims.delete(inner.key);
    settle(inner, outer);
  }
  return { claims, conflicts };
}

/** Pairs of different nodes' prefixes of which the second holds the first. Costs nothing where all have one length. */
function findOverlaps(claims: ReadonlyMap<string, Claim>): (readonly [Claim, Claim])[] {
  const lengths = new Map<number, Set<number>>([
    [4, new Set()],
    [6, new Set()],
  ]);
  for (const { cidr } of claims.values()) lengths.get(cidr.family)?.add(cidr.prefixLength);
  const overlaps: (readonly [Claim, Claim])[] = [];
  if ([...lengths.values()].every(({ size }) => size <= 1)) return overlaps;
  for (const claim of claims.values()) {
    for (const length of lengths.get(claim.cidr.family) ?? []) {
      if (length >= claim.cidr.prefixLength) continue;
      const outer = claims.get(formatCidr(cidrOf(claim.cidr.base, length)));
      if (outer !== undefined && outer.node !== claim.node) overlaps.push([claim, outer]);
    }
  }
  return overlaps;
}
