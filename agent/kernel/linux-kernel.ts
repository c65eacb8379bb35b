import { cidrOf } from "../net/cidr.ts";
import { HOST_LINK_PREFIX } from "../net/host-link.ts";
import { deleteLink, setLink } from "../netlink/link.ts";
import { NETLINK_NETFILTER } from "../netlink/nft-generation.ts";
import { deleteNeighbour, dumpNeighbours, parseNeighbour } from "../netlink/neighbour.ts";
import type { Link } from "../netlink/parse-link.ts";
import { parseAlias } from "../plan/attachment.ts";
import { formatBridgeAlias, parseBridgeAlias } from "../plan/bridge-alias.ts";
import { TABLE_NAME } from "../plan/ruleset.ts";
import { attachPod } from "./attach-pod.ts";
import { checkPod } from "./check-pod.ts";
import { createDetacher, removeAll } from "./detach-pods.ts";
import { diffBridge, ensureBridge, listAddresses } from "./ensure-bridge.ts";
import { createPeers, listPeerRoutes } from "./ensure-peers.ts";
import { ensureIpv6Forwarding, procSysctls } from "./ipv6-forwarding.ts";
import type { Kernel } from "./kernel.ts";
import { createNftables } from "./nftables.ts";
import { isOurs } from "./ownership.ts";
import { findLink } from "./read-one.ts";
import { observeHost, planRepairs, type Repair } from "./repair-attachments.ts";
import { createRtnetlink, type Rtnetlink } from "./rtnetlink.ts";
import type { Native } from "./native.ts";
import { ensureForwarding, listLinks, observeUnderlay } from "./underlay.ts";
import { type LinkRole, watchKernel } from "./watch-kernel.ts";
import { watchNftables } from "./watch-nftables.ts";

/** NETLINK_GENERIC of linux/netlink.h. */
const NETLINK_GENERIC = 16;

/** Interface indices from here on are ours to choose: the kernel counts up from 1 and will not come near. */
const FIRST_LINK_INDEX = 1_000_000;

export interface LinuxKernelInput {
  readonly native: Pick<Native, "openNetlink" | "watch" | "close">;
  readonly rtnetlink: Rtnetlink;
  /** The same for NETLINK_NETFILTER and NETLINK_GENERIC. */
  readonly netfilter: Rtnetlink;
  readonly generic: Rtnetlink;
}

/** Opens the kernel of this network namespace. */
export function openLinuxKernel(native: Native): Kernel {
  const netfilter = createRtnetlink(native, NETLINK_NETFILTER);
  const generic = createRtnetlink(native, NETLINK_GENERIC);
  return createLinuxKernel({ native, rtnetlink: createRtnetlink(native), netfilter, generic });
}

/** The Linux kernel of this network namespace, through rtnetlink and nft. */
export function createLinuxKernel({ native, rtnetlink, netfilter, generic }: LinuxKernelInput): Kernel {
  const nftables = createNftables(netfilter);
  const peers = createPeers({ rtnetlink, generic });
  let bridge: Link | undefined;
  let uplinks: ReadonlySet<number> = new Set();
  /** Changes of nftables up to this generation are known, or our own. */
  let verifiedGeneration: Promise<number> = Promise.resolve(0);
  let lastLinkIndex = FIRST_LINK_INDEX;
  const detacher = createDetacher(rtnetlink, () => bridge?.index);

  /** In steps of two: the pod's end gets the index after the host end's. */
  const nextLinkIndex = (): number => {
    lastLinkIndex += 2;
    return lastLinkIndex;
  };
  const roleOf = (index: number): LinkRole => {
    if (index > FIRST_LINK_INDEX) return "pod";
    if (index === bridge?.index) return "bridge";
    if (peers.hasTunnel(index)) return "tunnel";
    return uplinks.has(index) ? "uplink" : "foreign";
  };
  const listHostLinks = async (): Promise<Link[]> => {
    const links = await listLinks(rtnetlink);
    for (const { index } of links) lastLinkIndex = Math.max(lastLinkIndex, index);
    return links.filter(
      (link) => link.name.startsWith(HOST_LINK_PREFIX) && link.kind === "veth" && isOurs(link),
    );
  };

  const listRepairs = async (): Promise<readonly Repair[]> => {
    if (bridge === undefined) return [];
    const links = await listHostLinks();
    return planRepairs(await observeHost(rtnetlink, bridge, links));
  };

  return {
    checkAttachments: async () => (await listRepairs()).map(({ fault }) => fault),
    async repairAttachments() {
      const repairs = await listRepairs();
      // A link that goes meanwhile takes its faults along.
      await removeAll(
        rtnetlink,
        repairs.flatMap(({ requests }) => requests),
      );
      return repairs.map(({ kind, fault }) => ({ kind, fault }));
    },
    watch: (onChange) => {
      const links = watchKernel(native, { roleOf, onChange });
      const tables = watchNftables(native, {
        table: TABLE_NAME,
        isKnown: async (generation) => generation <= (await verifiedGeneration),
        onChange: () => onChange("node"),
      });
      return {
        rearm: links.rearm,
        stop() {
          links.stop();
          tables.stop();
        },
      };
    },
    async attachPod(plan, sockets) {
      if (bridge === undefined)
        throw new Error(`Cannot attach "${plan.host.link}": the node has no bridge yet`);
      const hasIpv6 = bridge.addrGenMode !== undefined;
      const context = { rtnetlink, bridgeIndex: bridge.index, hasIpv6, nextLinkIndex };
      return attachPod(context, plan, sockets);
    },
    async checkPod(plan, { rtnetlink: socket }) {
      if (bridge === undefined) return ["the node has no bridge yet"];
      return checkPod({ rtnetlink, bridgeIndex: bridge.index, socket }, plan);
    },
    detachPod: (hostLink, addresses = []) => detacher.detach(hostLink, addresses),
    async listAttachments() {
      return (await listHostLinks()).flatMap(({ name, alias }) => {
        const attachment = alias === undefined ? undefined : parseAlias(alias);
        return attachment === undefined ? [] : [{ hostLink: name, ...attachment }];
      });
    },
    async clearLeftovers(name) {
      const links = await listHostLinks();
      await removeAll(
        rtnetlink,
        links.filter(({ alias }) => alias === undefined).map(({ index }) => deleteLink(index)),
      );
      const own = await findLink(rtnetlink, name);
      if (own === undefined || !isOurs(own)) return;
      const kept = new Set(
        links.flatMap(({ alias }) => (alias === undefined ? [] : (parseAlias(alias)?.addresses ?? []))),
      );
      const neighbours = (await rtnetlink.dump(dumpNeighbours({ linkIndex: own.index }))).map(parseNeighbour);
      const stale = neighbours.filter(({ permanent, address }) => permanent && !kept.has(address));
      await removeAll(
        rtnetlink,
        stale.map(({ address }) => deleteNeighbour({ linkIndex: own.index, address })),
      );
    },
    async listGateways(name) {
      const link = await findLink(rtnetlink, name);
      if (link === undefined || !isOurs(link)) return [];
      bridge = link;
      const addresses = await listAddresses(rtnetlink, link.index);
      return addresses
        .filter(({ scope }) => scope === "global")
        .map(({ address, prefixLength, deprecated }) => {
          return { family: cidrOf(address, prefixLength).family, address, prefixLength, deprecated };
        });
    },
    async readLastGiven(name) {
      const link = await findLink(rtnetlink, name);
      return link?.alias === undefined ? [] : parseBridgeAlias(link.alias);
    },
    async saveLastGiven(addresses) {
      if (bridge === undefined) return;
      // A bridge that was deleted meanwhile gets its alias with its successor.
      await removeAll(rtnetlink, [setLink(bridge.index, { alias: formatBridgeAlias(addresses) })]);
    },
    async observeUnderlay(addresses) {
      const { uplinkIndices, ...underlay } = await observeUnderlay(rtnetlink, addresses);
      uplinks = uplinkIndices;
      return underlay;
    },
    async ensureNode(plan) {
      const ensured = await ensureBridge(rtnetlink, plan, listHostLinks);
      bridge = ensured.link;
      const left = Object.keys(diffBridge(plan, bridge));
      const opened = await ensureForwarding(rtnetlink, plan.uplinks);
      const ipv6 = plan.families.includes(6)
        ? await ensureIpv6Forwarding(procSysctls, plan.uplinks)
        : { changes: [], faults: [] };
      return {
        changes: [
          ...ensured.changes,
          ...opened.map((name) => ({ kind: "forwarding" as const, fault: `link "${name}" did not forward` })),
          ...ipv6.changes,
        ],
        faults: [
          ...(left.length === 0 ? [] : [`bridge "${plan.bridge}" does not keep its ${left.join(", ")}`]),
          ...ipv6.faults,
        ],
      };
    },
    ensurePeers: peers.ensure,
    listPeerCidrs: async () => (await listPeerRoutes(rtnetlink)).map(({ destination }) => destination),
    listHazards: nftables.listHazards,
    ensureRuleset(ruleset) {
      const ensured = nftables.ensure(ruleset);
      verifiedGeneration = ensured.then(nftables.verifiedGeneration, nftables.verifiedGeneration);
      return ensured;
    },
    checkRuleset: nftables.check,
    close() {
      rtnetlink.close();
      netfilter.close();
      generic.close();
    },
  };
}
