import { formatCidr } from "../../net/cidr.ts";
import { LINK_GROUP } from "../../net/host-link.ts";
import { keywordOf } from "../nft/nft-family.ts";
import type { NftChain } from "../nft/nft-table.ts";
import type { OutsiderDropReason } from "./drop-reasons.ts";
import type { RulesetInput } from "./ruleset-input.ts";

export const OUTSIDER_COUNTER: OutsiderDropReason = "outsider";

/**
 * Addresses of this node's pods come in from the bridge, where the guard at their ports has judged them, or
 * from the node itself. Whoever sends under one by any other link is no pod, but policies, and programs of
 * the node, would take it for one. The kernel itself drops that for IPv4 alone, and only where rp_filter is
 * 1.
 *
 * The chain ends here for packets of our own links, at the price of one number: what comes out of the overlay
 * or WireGuard is judged there. The bridge is known by its name as well, should somebody have taken it out of
 * its group.
 */
export function planOutsiderRules({
  bridge,
  podCidrs,
}: Pick<RulesetInput, "bridge" | "podCidrs">): NftChain["rules"] {
  return [
    { name: "ours", text: `iifgroup ${LINK_GROUP} accept` },
    ...podCidrs.map((cidr) => {
      const prefix = formatCidr(cidr);
      const isPods = `${keywordOf(cidr.family)} saddr ${prefix}`;
      return {
        name: `outsider-${prefix}`,
        text: `${isPods} iifname != "${bridge}" iifname != "lo" counter name "${OUTSIDER_COUNTER}" drop`,
      };
    }),
  ];
}
