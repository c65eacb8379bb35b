import type { NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import { IPCTNL_MSG_CT_DELETE, NFNL_SUBSYS_CTNETLINK } from "../../netlink/constants.ts";
import { nfgenmsg } from "../../netlink/nft/nfgenmsg.ts";

/** Empties the kernel's table of tracked connections, which many probes would fill. */
export async function forgetConnections(netfilter: Pick<NetlinkClient, "execute">): Promise<void> {
  const type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
  const request = { type, flags: 0, payload: [nfgenmsg(0)], what: "forget all connections" };
  await netfilter.execute([{ requests: [request] }]);
}
