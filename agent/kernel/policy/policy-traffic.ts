import { type PacketHeaders, readPacket } from "../../net/read-packet.ts";
import type { Packet } from "../../plan/policy/evaluate/evaluate.ts";
import type { Native } from "../socket/native.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { listAddresses } from "../link/list-addresses.ts";
import { createRenewingEnd } from "./renewal/end-and-renew.ts";
import { type EndedConnections, endConnections } from "./end-connections.ts";
import { forgetPods } from "./forget-pods.ts";
import { DEFAULT_POLICY_OPTIONS, DROP_LOG_GROUP, markOf, type PolicyOptions } from "./policy-options.ts";
import { watchPacketLog } from "./watch-packet-log.ts";

/** What the table of network policies does to connections. */
export interface PolicyTraffic {
  /**
   * Marks tracked connections of these pods that are forbidden, and takes the mark from all that are not: see
   * {@link endConnections}.
   */
  endConnections(
    addresses: ReadonlySet<string>,
    isForbidden: (packet: Packet) => boolean,
  ): Promise<EndedConnections>;
  /** See {@link forgetPods}. */
  forgetPods(isGone: (address: string) => boolean): Promise<void>;
  /** This node's own addresses. */
  listOwnAddresses(): Promise<ReadonlySet<string>>;
  /**
   * Hears of packets that were dropped, as far as they are logged; `name`: what dropped it, see findDenial.
   * Until it is stopped.
   */
  watchDrops(
    onDrop: (name: string, packet: PacketHeaders) => void,
    onError: (error: unknown) => void,
  ): { stop(): void };
}

export interface PolicyTrafficInput {
  readonly native: Pick<Native, "openNetlink" | "watch" | "close">;
  readonly rtnetlink: NetlinkClient;
  readonly netfilter: NetlinkClient;
  readonly after: (ms: number, work: () => void) => () => void;
  readonly options?: PolicyOptions | undefined;
  /** Takes what has been marked off the fast path: see {@link Nftables.renewFlows}. */
  readonly renewFlows?: () => Promise<void>;
}

export function createPolicyTraffic(input: PolicyTrafficInput): PolicyTraffic {
  const { native, rtnetlink, netfilter, after, options = DEFAULT_POLICY_OPTIONS } = input;
  const { renewFlows = () => Promise.resolve() } = input;
  const endAndRenew = createRenewingEnd(renewFlows);
  return {
    endConnections: (addresses, isForbidden) =>
      endAndRenew(() => endConnections(netfilter, { addresses, isForbidden, mark: markOf(options) })),
    forgetPods: (isGone) => forgetPods(netfilter, isGone),
    listOwnAddresses: async () => new Set((await listAddresses(rtnetlink)).map(({ address }) => address)),
    watchDrops: (onDrop, onError) =>
      watchPacketLog({
        native,
        netfilter,
        group: DROP_LOG_GROUP,
        onPacket({ prefix, packet }) {
          const headers = readPacket(packet);
          if (headers !== undefined) onDrop(prefix, headers);
        },
        onError,
        after,
      }),
  };
}
