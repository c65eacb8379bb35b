import { observeDatapath } from "../../kernel/read/observe-datapath.ts";
import { readText } from "../../inspect/read-proc.ts";
import { listNft, runNft } from "../../kernel/nft/run-nft.ts";
import { isOurs } from "../../kernel/link/ownership.ts";
import { observePeers } from "../../kernel/peer/observe-peers.ts";
import { listOwnRoutes } from "../../kernel/pod/pod-routes.ts";
import type { NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import { TABLE_NAME } from "../../plan/nft/nft-table.ts";

/** Sysctls of the node that pods' packets depend on, below /proc/sys/net. */
const SYSCTLS = [
  "bridge/bridge-nf-call-ip6tables",
  "bridge/bridge-nf-call-iptables",
  "ipv4/ip_forward",
  "ipv4/neigh/default/gc_thresh3",
  "ipv6/neigh/default/gc_thresh3",
  "netfilter/nf_conntrack_count",
  "netfilter/nf_conntrack_max",
];

/** Sysctls of each link of ours, and of "all" and "default". */
const LINK_SYSCTLS = [
  "ipv4/conf/LINK/accept_redirects",
  "ipv4/conf/LINK/forwarding",
  "ipv4/conf/LINK/rp_filter",
  "ipv6/conf/LINK/accept_ra",
  "ipv6/conf/LINK/disable_ipv6",
  "ipv6/conf/LINK/forwarding",
];

/** Links of ours, what stands on them, and the routes of our protocols, as JSON. */
export async function describeDatapath(rtnetlink: NetlinkClient): Promise<string> {
  const { links, addresses, tunnels } = await observeDatapath(rtnetlink);
  const own = links.filter(isOurs);
  const indices = new Set(own.map(({ index }) => index));
  const peers = await observePeers(
    rtnetlink,
    tunnels.map(({ index }) => index),
  );
  const datapath = {
    links: own,
    addresses: addresses.filter(({ linkIndex }) => indices.has(linkIndex)),
    ownRoutes: await listOwnRoutes(rtnetlink),
    peerRoutes: [...peers.routes.values()],
    neighbours: [...peers.neighbours.values()],
    forwarding: [...peers.fdb.values()],
  };
  return `${JSON.stringify(datapath, undefined, 2)}\n`;
}

/** Our tables as nft prints them. */
export async function describeTables(): Promise<string> {
  const tables = (await listNft<{ readonly table?: { family: string; name: string } }>("tables"))
    .flatMap(({ table }) => table ?? [])
    .filter(({ name }) => name.startsWith(TABLE_NAME));
  const texts = [];
  for (const { family, name } of tables) texts.push(await runNft(["list", "table", family, name], ""));
  return texts.join("\n");
}

/** Lines as `sysctl` prints them. */
export async function describeSysctls(rtnetlink: NetlinkClient): Promise<string> {
  const { links } = await observeDatapath(rtnetlink);
  const names = ["all", "default", ...links.filter(isOurs).map(({ name }) => name)];
  const paths = [
    ...SYSCTLS,
    ...names.flatMap((name) => LINK_SYSCTLS.map((path) => path.replace("LINK", name))),
  ];
  const lines = [];
  for (const path of paths) {
    const value = await readText(`/proc/sys/net/${path}`);
    lines.push(`net/${path} = ${value?.trim() ?? "absent"}\n`);
  }
  return lines.join("");
}
