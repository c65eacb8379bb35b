import { HOST_LINK_PREFIX, LINK_GROUP } from "../../net/host-link.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { ALIAS_OWNER } from "../../plan/pods/attachment.ts";
import { IFB_PREFIX } from "../../plan/pods/ifb.ts";

/** rtnetlink route protocol number of our routes (docs/dataplane.md). */
export const ROUTE_PROTOCOL = 99;

/**
 * The same of routes to this node's own pods and PodCIDRs. A number of its own, so that neither kind is
 * dumped with the other; and releases before these routes, which take all of {@link ROUTE_PROTOCOL} for
 * routes to other nodes, leave them to the pods that still need them after a rollback.
 */
export const POD_ROUTE_PROTOCOL = 98;

/** Alias of a VXLAN device. */
export const TUNNEL_ALIAS = `${ALIAS_OWNER} vxlan`;

/** Alias of a WireGuard device. */
export const WIREGUARD_ALIAS = `${ALIAS_OWNER} wireguard`;

/**
 * Links that are deleted together are put into one of 65,536 groups from this number on, which nobody else
 * has: "cw" in ASCII, and a count so that a group that could not be deleted is not mixed with the next.
 */
export const FIRST_DELETION_GROUP = LINK_GROUP * 0x10000;

/** Kinds of links that are made for pods. */
export const POD_LINK_KINDS = ["veth", "ifb"] as const;

export type PodLinkKind = (typeof POD_LINK_KINDS)[number];

/** Whether a link is ours: by its alias, or by its group as long as it has no alias. */
export function isOurs({ alias, group }: Pick<Link, "alias" | "group">): boolean {
  return alias === undefined
    ? group === LINK_GROUP || group >>> 16 === LINK_GROUP
    : alias.startsWith(`${ALIAS_OWNER} `);
}

/** Whether a link is a bridge of ours. */
export function isOwnBridge(link: Pick<Link, "kind" | "alias" | "group">): boolean {
  return link.kind === "bridge" && isOurs(link);
}

/** Whether a pod's link of ours can have this name: its host end, or the ifb beside it. */
export function isPodLikeName(name: string): boolean {
  return name.startsWith(HOST_LINK_PREFIX) || name.startsWith(IFB_PREFIX);
}

/** Whether a link is the host end of an attachment, whole or half made. */
export function isHostLink(link: Pick<Link, "name" | "kind" | "alias" | "group">): boolean {
  return link.name.startsWith(HOST_LINK_PREFIX) && link.kind === "veth" && isOurs(link);
}
