import { acceptCommand } from "../plan/accept-rules.ts";
import { TABLE_NAME } from "../plan/ruleset.ts";

/** An object of `nft -j list chains`; see libnftables-json(5). */
export interface ListedObject {
  readonly chain?: {
    readonly family: string;
    readonly table: string;
    readonly name: string;
    readonly hook?: string;
    readonly policy?: string;
  };
}

/**
 * Base chains of others that drop what they do not know and that pods' packets pass, in words and with the remedy. An accept in our own table
 * cannot override them: a packet must pass every table (moby/moby#49528).
 */
export function describeDropPolicies(objects: readonly ListedObject[], bridge: string): readonly string[] {
  return objects.flatMap(({ chain }) => {
    if (chain?.hook !== "forward" || chain.policy !== "drop" || chain.table === TABLE_NAME) return [];
    const { family, table, name } = chain;
    const remedy = acceptCommand(chain, bridge);
    return [
      `nftables chain ${family} ${table} ${name} drops forwarded packets that none of its rules accepts; ` +
        `unless it accepts pods' traffic, on the node run: ${remedy}`,
    ];
  });
}
