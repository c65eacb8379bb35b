import { familyOf } from "../../net/address.ts";
import { setLink } from "../../netlink/link/link.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { formatBridgeAlias, parseBridgeAlias } from "../../plan/node/bridge-alias.ts";
import type { Kernel } from "../kernel.ts";
import { isWide, listPodGateways } from "../node/ensure-gateways.ts";
import { isOwnBridge } from "../link/ownership.ts";
import { removeAll } from "../socket/remove-all.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { findLink } from "../socket/read-one.ts";
import type { LinuxContext } from "./context.ts";

export type BridgeMethods = Pick<
  Kernel,
  "adoptBridge" | "listGateways" | "readLastGiven" | "readMtu" | "saveLastGiven"
>;

/** What the bridge remembers of the node, for the agent that comes next. */
export function createOwnBridge({
  rtnetlink,
  bridge,
}: Pick<LinuxContext, "rtnetlink" | "bridge">): BridgeMethods {
  return {
    async adoptBridge(name) {
      bridge.link = await findOwnBridge(rtnetlink, name);
    },
    async listGateways(name) {
      const link = await findOwnBridge(rtnetlink, name);
      if (link === undefined) return [];
      const gateways = await listPodGateways(rtnetlink, link.index);
      // One whose PodCIDR nothing tells waits for somebody to tell it.
      return gateways.filter(isWide).map(({ address, prefixLength, deprecated }) => {
        return { family: familyOf(address), address, prefixLength, deprecated };
      });
    },
    async readLastGiven(name) {
      const link = await findLink(rtnetlink, name);
      return link?.alias === undefined ? [] : parseBridgeAlias(link.alias);
    },
    readMtu: async (name) => (await findLink(rtnetlink, name))?.mtu,
    async saveLastGiven(addresses) {
      if (bridge.link === undefined) return;
      bridge.alias = formatBridgeAlias(addresses);
      // A bridge that was deleted meanwhile gets its alias with its successor.
      await removeAll(rtnetlink, [setLink(bridge.link.index, { alias: bridge.alias })]);
    },
  };
}

/** The bridge of this name, if it is ours. */
export async function findOwnBridge(rtnetlink: NetlinkClient, name: string): Promise<Link | undefined> {
  const link = await findLink(rtnetlink, name);
  return link !== undefined && isOwnBridge(link) ? link : undefined;
}
