import { parseAddress } from "../../net/address.ts";
import { ALIAS_OWNER } from "../pods/attachment.ts";

/** Alias of the bridge. Behind it stand the addresses that were last given to pods, one of each PodCIDR. */
export const BRIDGE_ALIAS = `${ALIAS_OWNER} bridge`;

/**
 * The alias with the addresses last given: a restarted agent goes on behind them, so that an address which
 * was freed a moment before is not given again at once. With two PodCIDRs of each family it has some 130
 * characters of the 255 that the kernel keeps.
 */
export function formatBridgeAlias(lastGiven: readonly string[]): string {
  return [BRIDGE_ALIAS, ...(lastGiven.length === 0 ? [] : [lastGiven.join(",")])].join(" ");
}

/** The addresses in an alias; none in that of an earlier release, or of a bridge that has given none. */
export function parseBridgeAlias(alias: string): readonly string[] {
  if (!alias.startsWith(`${BRIDGE_ALIAS} `)) return [];
  return alias
    .slice(BRIDGE_ALIAS.length + 1)
    .split(",")
    .map(parseAddress)
    .filter((address) => address !== undefined);
}
