import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient, type NetlinkClient } from "../socket/netlink-client.ts";

/** Sockets by which the kernel of this network namespace is asked, without an agent. */
export interface KernelReader {
  readonly rtnetlink: NetlinkClient;
  readonly netfilter: NetlinkClient;
  close(): void;
}

export function openReader(): KernelReader {
  const native = loadNative();
  const rtnetlink = createNetlinkClient(native);
  const netfilter = createNetlinkClient(native, NETLINK_NETFILTER);
  return {
    rtnetlink,
    netfilter,
    close() {
      netfilter.close();
      rtnetlink.close();
    },
  };
}
