import { compareRanges, firstAddress, pointOf, rangeOf } from "../../net/address-range.ts";
import type { Claim, ClusterMember } from "./claim.ts";
import { type Cidr, cidrFromCanonical } from "../../net/cidr.ts";
import {
  type Contender,
  compareRank,
  holdingsOf,
  type NodeAddress,
  refuse,
  refuseAddress,
  refuseClaim,
} from "./contender.ts";
import { judgeNodeAddress, judgePrefix } from "./judge-prefix.ts";
import type { Refusal } from "./refusal.ts";
import { settleRanges } from "./settle-ranges.ts";
import type { Surroundings } from "../node/surroundings.ts";

export interface Claims {
  /** Those that count, by prefix. */
  readonly claims: ReadonlyMap<string, Claim>;
  /** What does not, of all nodes. */
  readonly refusals: readonly Refusal[];
}

export interface ClaimSettler {
  /** Judges a node alone, and remembers it: what {@link ClaimSettler.settle} takes most time for. */
  readonly judge: (node: ClusterMember) => void;
  readonly settle: (nodes: Iterable<ClusterMember>) => Claims;
}

export interface SettlerInput {
  readonly nodeName: string;
  /** Where given, the only prefixes in which PodCIDRs may lie. */
  readonly clusterCIDRs: readonly Cidr[];
  readonly surroundings: Surroundings;
}

/** What a node has or wants, as far as it can be judged alone. */
type Judged = readonly (Claim | NodeAddress)[];

/** What is refused of a node that is judged alone. */
interface Refused {
  readonly refusals: readonly Refusal[];
  /** Its addresses among that. */
  readonly unusable: readonly string[];
}

/**
 * Settles which node a PodCIDR belongs to, and which node is at an address. What is claimed must be no
 * reserved prefix, nor meet what this machine lives on; and who came first keeps what it has as long as its
 * Node exists: of prefixes that are the same or of which one holds the other, and of a prefix and another
 * node's address in it. The older Node came first, of two of one moment the one whose name sorts first: the
 * same on all nodes. This node is judged as all others are.
 *
 * A settler is for one surroundings. It keeps the order of what it has judged, as nearly all nodes are the
 * same from one run to the next, and gives the same answer as long as all are.
 */
export function createClaimSettler(input: SettlerInput): ClaimSettler {
  /** Nodes are immutable, and thousands of them stay the same from one plan to the next. */
  const known = new WeakMap<ClusterMember, Judged>();
  /** Of few nodes anything is. */
  const refused = new WeakMap<Judged, Refused>();
  const judgeAlone = createNodeJudge(input, (judged, what) => refused.set(judged, what));
  const holdings = holdingsOf(input.surroundings, input.clusterCIDRs);
  let all: readonly Judged[] = [];
  let sorted: readonly Contender[] = [];
  let settled: Claims | undefined;

  const judge = (node: ClusterMember): Judged => {
    const judged = known.get(node) ?? judgeAlone(node);
    known.set(node, judged);
    return judged;
  };
  const settle = (nodes: Iterable<ClusterMember>): Claims => {
    const now = Array.from(nodes, judge);
    const isSame = now.length === all.length && now.every((judged, index) => judged === all[index]);
    if (settled !== undefined && isSame) return settled;
    all = now;
    const present = new Set<Contender>(holdings);
    for (const contenders of all) for (const contender of contenders) present.add(contender);
    // To sort what is nearly sorted costs next to nothing.
    sorted = [...sorted.filter((contender) => present.delete(contender)), ...present].sort((a, b) =>
      compareRanges(a.range, b.range),
    );
    settled = settleAll(all, sorted, (judged) => refused.get(judged));
    return settled;
  };
  return { judge, settle };
}

function settleAll(
  all: readonly Judged[],
  sorted: readonly Contender[],
  refusedOf: (judged: Judged) => Refused | undefined,
): Claims {
  const refusals = all.flatMap((judged) => refusedOf(judged)?.refusals ?? []);
  const lost = new Set<Claim>();
  const unusable = new Map<ClusterMember, string[]>();
  settleRanges(sorted, compareRank, (contender, blocker) => {
    if (contender.kind === "holding") return;
    refusals.push(refuse(contender, blocker));
    if (contender.kind === "claim") lost.add(contender);
    else {
      const { node, range } = contender;
      unusable.set(node, [...(unusable.get(node) ?? []), firstAddress(range)]);
    }
  });
  const claims = new Map<string, Claim>();
  for (const judged of all) {
    const alone = refusedOf(judged)?.unusable ?? [];
    for (const claim of judged) {
      if (claim.kind !== "claim" || lost.has(claim)) continue;
      claims.set(claim.key, withoutAddresses(claim, [...alone, ...(unusable.get(claim.node) ?? [])]));
    }
  }
  return { claims, refusals };
}

/**
 * The last answer for each claim of which a node's address is refused: what is planned for a claim goes by
 * its identity.
 */
const reduced = new WeakMap<Claim, Claim>();

function withoutAddresses(claim: Claim, unusable: readonly string[]): Claim {
  if (unusable.length === 0) return claim;
  const addresses = claim.node.addresses.filter((address) => !unusable.includes(address));
  const known = reduced.get(claim);
  if (known !== undefined && known.node.addresses.join() === addresses.join()) return known;
  const answer = { ...claim, node: { ...claim.node, addresses } };
  reduced.set(claim, answer);
  return answer;
}

/** Judges nodes one by one; `onRefused` hears of those of which something is refused. */
function createNodeJudge(
  { nodeName, clusterCIDRs, surroundings }: SettlerInput,
  onRefused: (judged: Judged, what: Refused) => void,
): (node: ClusterMember) => Judged {
  const own = new Set(
    surroundings.addresses.filter(({ role }) => role === "this_node").map(({ address }) => address),
  );
  return (node) => {
    const contenders: Judged[number][] = [];
    const refusals: Refusal[] = [];
    const unusable: string[] = [];
    for (const address of node.addresses) {
      const why = node.name === nodeName ? undefined : judgeNodeAddress(address, own);
      if (why === undefined) contenders.push({ kind: "node address", range: pointOf(address), node });
      else {
        unusable.push(address);
        refusals.push(refuseAddress(node, address, why));
      }
    }
    for (const key of node.podCIDRs) {
      const cidr = cidrFromCanonical(key);
      const claim: Claim = { kind: "claim", key, cidr, range: rangeOf(cidr), node };
      const fault = judgePrefix(cidr, claim.range, clusterCIDRs);
      if (fault === undefined) contenders.push(claim);
      else refusals.push(refuseClaim(claim, fault.reason, fault.text));
    }
    // An array that has grown keeps room for more.
    const judged = contenders.slice();
    if (refusals.length > 0) onRefused(judged, { refusals, unusable });
    return judged;
  };
}
