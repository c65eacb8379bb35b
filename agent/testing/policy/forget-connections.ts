import { loadNative } from "../../kernel/socket/native.ts";
import { createNetlinkClient, type NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import {
  CTA_MARK,
  CTA_MARK_MASK,
  IPCTNL_MSG_CT_DELETE,
  NFNL_SUBSYS_CTNETLINK,
} from "../../netlink/constants.ts";
import { u32NetworkAttribute } from "../../netlink/message/attributes.ts";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { nfgenmsg } from "../../netlink/nft/nfgenmsg.ts";

/** Empties the kernel's table of tracked connections, which many probes would fill; `mark`: of those with it. */
export async function forgetConnections(
  netfilter: Pick<NetlinkClient, "execute">,
  mark?: number,
): Promise<void> {
  const type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
  const filter =
    mark === undefined
      ? []
      : [...u32NetworkAttribute(CTA_MARK, mark), ...u32NetworkAttribute(CTA_MARK_MASK, mark)];
  const request = { type, flags: 0, payload: [nfgenmsg(0), ...filter], what: "forget connections" };
  await netfilter.execute([{ requests: [request] }]);
}

/** Those of the host's namespace: pods of the next node have the addresses that they are about. */
export async function forgetAllConnections(): Promise<void> {
  const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
  try {
    await forgetConnections(netfilter);
  } finally {
    netfilter.close();
  }
}
