import { LINK_GROUP } from "../../net/host-link.ts";
import { type BridgeSettings, createBridge } from "../../netlink/link/bridge.ts";
import { type LinkChange, setLink } from "../../netlink/link/link.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { BRIDGE_ALIAS } from "../../plan/node/bridge-alias.ts";
import { LINK_FEATURES } from "../../plan/node/kernel-features.ts";
import type { NodePlan } from "../../plan/node/node-network.ts";
import { changeLink, diffRoutedLink, existingLink } from "../link/change-link.ts";
import { demandFeatures } from "../features/demand-features.ts";
import { removeAll } from "../socket/remove-all.ts";
import { ensureGateways } from "./ensure-gateways.ts";
import type { Change } from "../types.ts";
import { isOwnBridge } from "../link/ownership.ts";
import { findLink } from "../socket/read-one.ts";
import { removeLearned } from "./remove-learned.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/** The bridge as it is now, and what was not as planned. */
export interface EnsuredBridge {
  readonly link: Link;
  readonly changes: readonly Change[];
}

/**
 * Makes the bridge, its settings and its addresses as planned. `listPorts` gives the host links that pods
 * have: those of a bridge that somebody deleted come to the new one before it is up. A bridge that is up
 * before its ports has no carrier at first, and the kernel may take a second to notice that it has got one
 * (linkwatch_nextevent of net/core/link_watch.c).
 */
export async function ensureBridge(
  rtnetlink: NetlinkClient,
  plan: NodePlan,
  listPorts: () => Promise<readonly Link[]>,
): Promise<EnsuredBridge> {
  const changes: Change[] = [];
  // A node that can make no pods' links is not ready for pods, also where a bridge is left of a time before.
  await demandFeatures(LINK_FEATURES, rtnetlink, `use bridge "${plan.bridge}"`);
  let link = await findLink(rtnetlink, plan.bridge);
  if (link === undefined) {
    const { bridge: name, mac } = plan;
    changes.push({ kind: "bridge", fault: `bridge "${name}" is missing` });
    await rtnetlink.execute([
      { requests: [createBridge({ name, mac, group: LINK_GROUP, multicastSnooping: false })] },
    ]);
    link = await existingLink(rtnetlink, plan.bridge);
    const master = link.index;
    await removeAll(
      rtnetlink,
      (await listPorts()).map(({ index }) => setLink(index, { master })),
    );
  }
  if (!isOwnBridge(link)) {
    const cause = "a link of that name exists that the agent did not create; remove it or set --bridge";
    throw new Error(`Cannot use bridge "${plan.bridge}": ${cause}`);
  }
  const { changed } = await changeLink(rtnetlink, link, (current) => diffBridge(plan, current));
  const names = changed.filter((name) => name !== "alias");
  if (changes.length === 0 && names.length > 0)
    changes.push({ kind: "bridge", fault: `bridge "${plan.bridge}" has an unexpected ${names.join(", ")}` });
  const { gateways } = plan;
  changes.push(...(await ensureGateways(rtnetlink, { gateways, linkIndex: link.index, listPorts })));
  changes.push(...(await removeLearned(rtnetlink, link.index)));
  return { link: await existingLink(rtnetlink, plan.bridge), changes };
}

/** What must change of the bridge. Empty when all is as planned. */
export function diffBridge({ mac, mtu }: NodePlan, link: Link): LinkChange {
  const alias = link.alias?.startsWith(BRIDGE_ALIAS) === true ? link.alias : BRIDGE_ALIAS;
  const bridgeSettings = diffSettings(link.bridgeSettings ?? {});
  return { ...diffRoutedLink({ alias, mac, mtu }, link), ...(bridgeSettings && { bridgeSettings }) };
}

/**
 * Pods have no word in a tree, nor in a table of groups. The tree goes first: while there is one, the kernel
 * refuses a delay of 0. Up to 0.1.0 bridges had the kernel's own delay.
 */
function diffSettings(found: BridgeSettings): BridgeSettings | undefined {
  if ((found.spanningTree ?? 0) !== 0) return { spanningTree: 0 };
  const changes = {
    ...(found.forwardDelay === 0 ? {} : { forwardDelay: 0 }),
    ...((found.multicastSnooping ?? 0) === 0 ? {} : { multicastSnooping: 0 }),
  };
  return Object.keys(changes).length === 0 ? undefined : changes;
}
