import type { Link } from "../../netlink/link/parse-link.ts";
import type { ConnectionFlusher } from "../connections/flush-connections.ts";
import type { Nftables } from "../nft/nftables.ts";
import type { Localnet } from "../node/localnet.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import type { HostLinks } from "./host-links.ts";

/** A client of each netlink protocol that is spoken. */
export interface NetlinkClients {
  readonly rtnetlink: NetlinkClient;
  /** The same for NETLINK_NETFILTER, NETLINK_GENERIC, NETLINK_SOCK_DIAG and NETLINK_XFRM. */
  readonly netfilter: NetlinkClient;
  readonly generic: NetlinkClient;
  readonly sockets: NetlinkClient;
  readonly xfrm: NetlinkClient;
}

/** The bridge as last seen; undefined before it was made or adopted. */
export interface KnownBridge {
  link: Link | undefined;
  /** The alias that was last given to it. */
  alias: string | undefined;
}

/** What the parts of the Linux kernel share. */
export interface LinuxContext extends NetlinkClients {
  readonly bridge: KnownBridge;
  readonly hostLinks: HostLinks;
  readonly nftables: Nftables;
  readonly connections: ConnectionFlusher;
  readonly localnet: Localnet;
}
