import { counted } from "../text/count.ts";
import type { Link } from "../netlink/link/parse-link.ts";
import { deleteRoute } from "../netlink/route/route.ts";
import { isGatewayRoute } from "./node/gateway-routes.ts";
import { IFB_PREFIX } from "../plan/pods/ifb.ts";
import { TABLE_NAME } from "../plan/nft/nft-table.ts";
import { deleteLinks } from "./link/delete-links.ts";
import { removeAll } from "./socket/remove-all.ts";
import { listPeerRoutes } from "./peer/observe-peers.ts";
import { POLICY_TABLE } from "./policy/table/base-table.ts";
import { unguardLoopback } from "./node/localnet.ts";
import { FIRST_DELETION_GROUP, isHostLink, isOurs } from "./link/ownership.ts";
import { listOwnRoutes } from "./pod/pod-routes.ts";
import { runNft } from "./nft/run-nft.ts";
import type { NetlinkClient } from "./socket/netlink-client.ts";
import { listLinks } from "./uplink/underlay.ts";

/**
 * Removes everything of ours from this network namespace: links with their addresses, neighbours, queues and
 * alternative names, routes, nftables tables; gives what it was, as noun phrases. May be repeated. What is
 * not ours stays, also under one of our names.
 */
export async function removeDatapath({
  rtnetlink,
  xfrm,
}: {
  readonly rtnetlink: NetlinkClient;
  readonly xfrm: NetlinkClient;
}): Promise<readonly string[]> {
  const removed: string[] = [];
  const ours = (await listLinks(rtnetlink)).flatMap((link) => {
    const role = roleOf(link);
    return role === undefined ? [] : [{ link, role }];
  });
  const pods = ours.filter(({ role }) => role === "host link");
  await deleteLinks(
    rtnetlink,
    pods.map(({ link }) => link.index),
    FIRST_DELETION_GROUP,
  ).gone;
  if (pods.length > 0) removed.push(`${counted(pods.length, "host link")} of pods`);
  for (const { link, role } of ours) {
    if (role === "host link") continue;
    await deleteLinks(rtnetlink, [link.index], FIRST_DELETION_GROUP).gone;
    removed.push(`${role} "${link.name}"`);
  }
  const routes = await listPeerRoutes(rtnetlink);
  await removeAll(rtnetlink, routes.map(deleteRoute));
  if (routes.length > 0) removed.push(`${counted(routes.length, "route")} to other nodes`);
  // Those to pods and to gateways went with the bridge.
  const own = (await listOwnRoutes(rtnetlink)).filter(isGatewayRoute);
  await removeAll(rtnetlink, own.map(deleteRoute));
  if (own.length > 0) removed.push(`${counted(own.length, "route")} of PodCIDRs`);
  if (await unguardLoopback(xfrm)) removed.push("policies that guard 127.0.0.0/8");
  return [...removed, ...(await removeTables())];
}

/** What a link is for us; undefined when it is not ours. */
function roleOf(link: Link): string | undefined {
  if (isHostLink(link)) return "host link";
  if (!isOurs(link)) return undefined;
  if (link.kind === "bridge") return "bridge";
  if (link.kind === "vxlan") return "VXLAN device";
  if (link.kind === "wireguard") return "WireGuard device";
  return link.kind === "ifb" && link.name.startsWith(IFB_PREFIX) ? "ifb" : undefined;
}

const OWN_TABLES: ReadonlySet<string> = new Set([
  `inet ${TABLE_NAME}`,
  `bridge ${TABLE_NAME}`,
  `inet ${POLICY_TABLE.table}`,
]);

async function removeTables(): Promise<readonly string[]> {
  const { nftables } = JSON.parse(await runNft(["-j", "list", "tables"], "")) as {
    readonly nftables: readonly { readonly table?: { readonly family: string; readonly name: string } }[];
  };
  const tables = nftables.flatMap(({ table }) => {
    const name = `${table?.family} ${table?.name}`;
    return OWN_TABLES.has(name) ? [`table ${name}`] : [];
  });
  if (tables.length > 0) await runNft(["-f", "-"], tables.map((table) => `delete ${table}\n`).join(""));
  return tables.map((table) => `nftables ${table}`);
}
