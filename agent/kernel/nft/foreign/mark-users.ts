import { AF_INET, AF_INET6, NFPROTO_INET } from "../../../netlink/constants.ts";
import { readMarkUse } from "../../../netlink/nft/connection-marks.ts";
import { dumpChains, dumpRules, parseChain, parseRule } from "../../../netlink/nft/nft-objects.ts";
import type { MarkUser } from "../../../plan/foreign/mark-conflicts.ts";
import { isOwnTable } from "../../../plan/nft/nft-table.ts";
import type { NetlinkClient } from "../../socket/netlink-client.ts";

const FAMILIES: ReadonlyMap<number, string> = new Map([
  [NFPROTO_INET, "inet"],
  [AF_INET, "ip"],
  [AF_INET6, "ip6"],
]);

/**
 * Chains of others that change connections' marks, or ask for some of their bits: those of nft, and of
 * iptables where it works through nftables.
 */
export async function listMarkUsers(netfilter: Pick<NetlinkClient, "dump">): Promise<readonly MarkUser[]> {
  const users: MarkUser[] = [];
  for (const [family, familyName] of FAMILIES) {
    const chains = (await netfilter.dump(dumpChains(family))).map(parseChain);
    for (const table of new Set(chains.map((chain) => chain.table))) {
      if (isOwnTable(table)) continue;
      const uses = new Map<string, MarkUser>();
      for (const payload of await netfilter.dump(dumpRules({ family, table }))) {
        const { writes, reads } = readMarkUse(payload);
        if (writes === 0 && reads === 0) continue;
        const { chain } = parseRule(payload);
        const before = uses.get(chain) ?? { chain: `${familyName} ${table} ${chain}`, writes: 0, reads: 0 };
        uses.set(chain, {
          ...before,
          writes: (before.writes | writes) >>> 0,
          reads: (before.reads | reads) >>> 0,
        });
      }
      users.push(...uses.values());
    }
  }
  return users;
}
