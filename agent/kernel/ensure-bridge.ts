import {
  deleteAddress,
  dumpAddresses,
  type ObservedAddress,
  parseAddress,
  replaceAddress,
} from "../netlink/address.ts";
import { createBridge } from "../netlink/bridge.ts";
import { IN6_ADDR_GEN_MODE_NONE } from "../netlink/constants.ts";
import { type LinkChange, setLink } from "../netlink/link.ts";
import type { Link } from "../netlink/parse-link.ts";
import type { GatewayAddress, NodePlan } from "../plan/node-network.ts";
import { BRIDGE_ALIAS, isOurs, LINK_GROUP } from "./ownership.ts";
import { findLink } from "./read-one.ts";
import type { Rtnetlink } from "./rtnetlink.ts";

/** Makes the bridge, its settings and its addresses as planned, and gives it back as it is then. */
export async function ensureBridge(rtnetlink: Rtnetlink, plan: NodePlan): Promise<Link> {
  let link = await findLink(rtnetlink, plan.bridge);
  if (link === undefined) {
    const { bridge: name, mac } = plan;
    await rtnetlink.execute([
      { requests: [createBridge({ name, mac, group: LINK_GROUP, multicastSnooping: false })] },
    ]);
    link = await existingBridge(rtnetlink, plan.bridge);
  }
  if (link.kind !== "bridge" || !isOurs(link)) {
    const cause = "a link of that name exists that the agent has not made; remove it or set --bridge";
    throw new Error(`Cannot use bridge "${plan.bridge}": ${cause}`);
  }
  const change = diffBridge(plan, link);
  if (Object.keys(change).length > 0) {
    const { up, ...settings } = change;
    // Up comes in a message of its own: the kernel sets flags before it looks at the settings of address families.
    await rtnetlink.execute([
      { requests: [setLink(link.index, settings), ...(up === true ? [setLink(link.index, { up })] : [])] },
    ]);
  }
  await ensureAddresses(rtnetlink, plan, link.index);
  return existingBridge(rtnetlink, plan.bridge);
}

async function existingBridge(rtnetlink: Rtnetlink, name: string): Promise<Link> {
  const link = await findLink(rtnetlink, name);
  if (link === undefined)
    throw new Error(`Cannot find bridge "${name}": it was deleted a moment after it was made`);
  return link;
}

/** What must change of the bridge. Empty when all is as planned. */
export function diffBridge(plan: NodePlan, link: Link): LinkChange {
  return {
    ...(link.alias === BRIDGE_ALIAS ? {} : { alias: BRIDGE_ALIAS }),
    ...(link.mac === plan.mac ? {} : { mac: plan.mac }),
    ...(link.mtu === plan.mtu ? {} : { mtu: plan.mtu }),
    // Absent on a kernel without IPv6.
    ...(link.addrGenMode === undefined || link.addrGenMode === IN6_ADDR_GEN_MODE_NONE
      ? {}
      : { addrGenMode: IN6_ADDR_GEN_MODE_NONE }),
    ...(link.inetConf?.forwarding === 1 ? {} : { inetConf: { forwarding: 1 } }),
    ...(link.up ? {} : { up: true }),
  };
}

export async function listAddresses(rtnetlink: Rtnetlink, linkIndex?: number): Promise<ObservedAddress[]> {
  return (await rtnetlink.dump(dumpAddresses({ linkIndex }))).map(parseAddress);
}

/** Adds what is missing before it deletes what is too much, so that no pod is without its gateway. */
async function ensureAddresses(
  rtnetlink: Rtnetlink,
  { gateways }: NodePlan,
  linkIndex: number,
): Promise<void> {
  const observed = (await listAddresses(rtnetlink, linkIndex)).filter(({ scope }) => scope === "global");
  const isSame = (gateway: GatewayAddress, found: ObservedAddress): boolean =>
    found.address === gateway.address &&
    found.prefixLength === gateway.prefixLength &&
    found.deprecated === gateway.deprecated;
  const missing = gateways.filter((gateway) => !observed.some((found) => isSame(gateway, found)));
  const surplus = observed.filter(({ address, prefixLength }) =>
    gateways.every((gateway) => gateway.address !== address || gateway.prefixLength !== prefixLength),
  );
  const requests = [
    ...missing.map(({ address, prefixLength, deprecated }) =>
      replaceAddress({ linkIndex, address, prefixLength, deprecated, noDad: true }),
    ),
    ...surplus.map(({ address, prefixLength }) => deleteAddress({ linkIndex, address, prefixLength })),
  ];
  if (requests.length > 0) await rtnetlink.execute([{ requests }]);
}
