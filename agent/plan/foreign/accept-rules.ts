/** A chain of nftables. */
export interface ChainName {
  readonly family: string;
  readonly table: string;
  readonly name: string;
}

/** Command that lets a chain of somebody else accept pods' traffic, in front of all its rules. */
export function acceptCommand({ family, table, name }: ChainName, bridge: string): string {
  // The shell takes the quotes away, which nft does not need around a name without odd characters.
  return ["iifname", "oifname"]
    .map((direction) => `nft insert rule ${family} ${table} ${name} ${direction} "${bridge}" accept`)
    .join(" && ");
}
