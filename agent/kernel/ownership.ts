import type { Link } from "../netlink/parse-link.ts";
import { ALIAS_OWNER } from "../plan/attachment.ts";

/**
 * Link group of everything that we make ("cw" in ASCII). It is set in the very message that creates a link, which an alias cannot be, so
 * that a link half made when the agent was killed is known as ours.
 */
export const LINK_GROUP = 0x6377;

/** rtnetlink route protocol number of our routes (docs/dataplane.md). */
export const ROUTE_PROTOCOL = 99;

/** Alias of the bridge. */
export const BRIDGE_ALIAS = `${ALIAS_OWNER} bridge`;

/** Alias of a VXLAN device. */
export const TUNNEL_ALIAS = `${ALIAS_OWNER} vxlan`;

/** Whether a link is ours: by its alias, or by its group as long as it has no alias. */
export function isOurs({ alias, group }: Pick<Link, "alias" | "group">): boolean {
  return alias === undefined ? group === LINK_GROUP : alias.startsWith(`${ALIAS_OWNER} `);
}
