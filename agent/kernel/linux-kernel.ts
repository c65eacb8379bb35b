import { familyOf } from "../net/address.ts";
import { deleteLink, dumpLinks, setLink } from "../netlink/link/link.ts";
import { NETLINK_XFRM } from "../netlink/state/xfrm.ts";
import { dumpListeningSockets, NETLINK_SOCK_DIAG, parseListeningSocket } from "../netlink/state/sock-diag.ts";
import { NETLINK_NETFILTER } from "../netlink/nft/nft-generation.ts";
import { dumpNeighbours, parseNeighbour } from "../netlink/route/neighbour.ts";
import { type Link, readLinkIndex, readLinkName } from "../netlink/link/parse-link.ts";
import { parseAlias } from "../plan/pods/attachment.ts";
import { ifbName } from "../plan/pods/ifb.ts";
import { type PortBinding, PROTOCOL_NUMBERS } from "../plan/pods/host-ports.ts";
import type { NodeListener } from "../plan/node/node-listeners.ts";
import { defaultRoutes } from "../plan/pods/pod-routing.ts";
import { NO_SETTINGS } from "../plan/pods/pod-settings.ts";
import {
  dropCounter,
  type DropReason,
  OVERLAY_DROP_REASONS,
  PORT_DROP_REASONS,
} from "../plan/rules/drop-reasons.ts";
import { formatBridgeAlias, parseBridgeAlias } from "../plan/node/bridge-alias.ts";
import { TABLE_NAME } from "../plan/nft/nft-table.ts";
import type { SourceBinding } from "../plan/pods/sources.ts";
import { attachPod } from "./pod/attach-pod.ts";
import { checkPod } from "./pod/check-pod.ts";
import { createDetacher, removeAll } from "./pod/detach-pods.ts";
import { diffBridge, ensureBridge } from "./node/ensure-bridge.ts";
import { isWide, listPodGateways } from "./node/ensure-gateways.ts";
import { createPeers } from "./peer/ensure-peers.ts";
import { ensureIpv6Forwarding, ignoreRouters, procSysctls } from "./uplink/ipv6-forwarding.ts";
import type { Kernel } from "./kernel.ts";
import type { AttachOutcome, ObservedAttachment } from "./types.ts";
import { createPodEncoder } from "./pod/pod-batches.ts";
import { createGenerations } from "./nft/generations.ts";
import { createNftables } from "./nft/nftables.ts";
import { POLICY_TABLE } from "./policy/table/base-table.ts";
import { createPolicyKernel } from "./policy/linux-policy-kernel.ts";
import { createPolicyTraffic } from "./policy/policy-traffic.ts";
import type { PolicyOptions } from "./policy/policy-options.ts";
import { createConnectionFlusher } from "./nft/flush-connections.ts";
import { createLinkParser } from "./socket/link-parser.ts";
import { listPeers } from "./peer/list-peers.ts";
import { readCounters, tableKey } from "./nft/list-table.ts";
import { createLocalnet } from "./node/localnet.ts";
import { isHostLink, isOurs, isOwnBridge, isPodLikeName } from "./node/ownership.ts";
import { attachmentOf, listPodLinks } from "./pod/pod-links.ts";
import { addressRemovals, listPodRoutes } from "./pod/pod-routes.ts";
import { findLink } from "./socket/read-one.ts";
import { removeDatapath } from "./remove-datapath.ts";
import { observeHost, planRepairs, type Repair } from "./pod/repair-attachments.ts";
import { createNetlinkClient, type NetlinkClient } from "./socket/netlink-client.ts";
import type { Native } from "./socket/native.ts";
import { createUnderlayObserver, ensureForwarding } from "./uplink/underlay.ts";
import { type LinkRole, watchKernel } from "./socket/watch-kernel.ts";
import { watchNftables } from "./nft/watch-nftables.ts";

/** NETLINK_GENERIC of linux/netlink.h. */
const NETLINK_GENERIC = 16;

/** Interface indices from here on are ours to choose: the kernel counts up from 1 and will not come near. */
const FIRST_LINK_INDEX = 1_000_000;

/** What is made for pods. */
const POD_LINK_KINDS = ["veth", "ifb"] as const;

export interface LinuxKernelInput extends LinuxKernelOptions {
  readonly native: Pick<Native, "openNetlink" | "watch" | "close">;
  readonly rtnetlink: NetlinkClient;
  /** The same for NETLINK_NETFILTER, NETLINK_GENERIC, NETLINK_SOCK_DIAG and NETLINK_XFRM. */
  readonly netfilter: NetlinkClient;
  readonly generic: NetlinkClient;
  readonly sockets: NetlinkClient;
  readonly xfrm: NetlinkClient;
}

export interface LinuxKernelOptions {
  /** Runs work later; gives the function that calls it off. */
  readonly after: (ms: number, work: () => void) => () => void;
  /** Whether a pod may ask to send from any address. */
  readonly allowSourceSpoofing?: boolean;
  /** What of the table of network policies they do not decide about themselves. */
  readonly policy?: PolicyOptions;
  /** Hears of what failed while nobody waited for it. */
  readonly onError: (error: unknown) => void;
}

/** Opens the kernel of this network namespace. */
export function openLinuxKernel(native: Native, options: LinuxKernelOptions): Kernel {
  const netfilter = createNetlinkClient(native, NETLINK_NETFILTER);
  const generic = createNetlinkClient(native, NETLINK_GENERIC);
  const sockets = createNetlinkClient(native, NETLINK_SOCK_DIAG);
  const xfrm = createNetlinkClient(native, NETLINK_XFRM);
  return createLinuxKernel({
    native,
    rtnetlink: createNetlinkClient(native),
    netfilter,
    generic,
    sockets,
    xfrm,
    ...options,
  });
}

/** The Linux kernel of this network namespace, through rtnetlink and nft. */
export function createLinuxKernel(input: LinuxKernelInput): Kernel {
  const { native, rtnetlink, netfilter, generic, xfrm, allowSourceSpoofing = false } = input;
  const connections = createConnectionFlusher(input);
  const generations = createGenerations();
  const nftables = createNftables({ netfilter, generations, onRestored: connections.added });
  const policy = createPolicyKernel({ netfilter, generations, options: input.policy });
  const peers = createPeers({ rtnetlink, generic });
  const underlay = createUnderlayObserver(rtnetlink);
  const encodePod = createPodEncoder();
  const parsePodLinks = createLinkParser();
  let bridge: Link | undefined;
  let bridgeAlias: string | undefined;
  let lastLinkIndex = FIRST_LINK_INDEX;
  const localnet = createLocalnet();
  let localnetFault: string | undefined;
  const detacher = createDetacher({
    rtnetlink,
    bridge: () => bridge,
    async removeElements(hostLinks) {
      const removed = await nftables.removePods(hostLinks);
      if (removed.length > 0) connections.removed(removed);
    },
  });

  /** What an attachment may send from. */
  const sourcesOf = (attachment: ObservedAttachment): SourceBinding => {
    const { hostLink, addresses, mac, settings = NO_SETTINGS } = attachment;
    return { hostLink, addresses, mac, anySource: settings.anySource && allowSourceSpoofing };
  };
  /** In steps of two: the pod's end gets the index after the host end's. */
  const nextLinkIndex = (): number => {
    lastLinkIndex += 2;
    return lastLinkIndex;
  };
  const roleOf = (index: number): LinkRole => {
    if (index > FIRST_LINK_INDEX) return "pod";
    if (index === bridge?.index) return "bridge";
    if (peers.hasTunnel(index)) return "tunnel";
    return underlay.concerns(index) ? "uplink" : "foreign";
  };
  /** Links of the kinds and with names as pods' links have them. Of others, which may be thousands, only the index is read if the kernel tells them. */
  const listPodLikeLinks = async (): Promise<Link[]> => {
    const dumps = await Promise.all(POD_LINK_KINDS.map((kind) => rtnetlink.dump(dumpLinks({ kind }))));
    const payloads = new Map(dumps.flat().map((payload) => [readLinkIndex(payload), payload]));
    for (const index of payloads.keys()) lastLinkIndex = Math.max(lastLinkIndex, index);
    return parsePodLinks([...payloads.values()].filter((payload) => isPodLikeName(readLinkName(payload))));
  };
  const findOwnBridge = async (name: string): Promise<Link | undefined> => {
    const link = await findLink(rtnetlink, name);
    return link !== undefined && isOwnBridge(link) ? link : undefined;
  };
  const listHostLinks = async (): Promise<Link[]> => (await listPodLikeLinks()).filter(isHostLink);

  const listRepairs = async (): Promise<readonly Repair[]> => {
    if (bridge === undefined) return [];
    const links = await listPodLikeLinks();
    const hostLinks = links.filter(isHostLink);
    return planRepairs(await observeHost(rtnetlink, bridge, { links, hostLinks }), nextLinkIndex);
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
      const links = watchKernel(native, {
        roleOf,
        bridgeAlias: () => bridgeAlias,
        leadsToNodes: underlay.leadsToNodes,
        isRouted: peers.isRouted,
        onChange(concern) {
          if (concern === "node") underlay.forget();
          onChange(concern);
        },
      });
      const tables = watchNftables(native, {
        tables: new Map([
          [TABLE_NAME, { verifiedGeneration: nftables.verifiedGeneration, onChange: () => onChange("node") }],
          [POLICY_TABLE.table, { ...policy, onChange: () => onChange("policies") }],
        ]),
        onCommit: generations.notice,
        onForeign: () => onChange("filters"),
      });
      return {
        rearm: links.rearm,
        stop() {
          links.stop();
          tables.stop();
        },
      };
    },
    async attachPod(plan, sockets, clusterCidrs = () => []) {
      if (bridge === undefined)
        throw new Error(`Cannot attach "${plan.host.link}": the node has no bridge yet`);
      const hasIpv6 = bridge.addrGenMode !== undefined;
      const context = {
        rtnetlink,
        bridgeIndex: bridge.index,
        hasIpv6,
        nextLinkIndex,
        encodePod,
        clusterCidrs,
      };
      const sources = sourcesOf({ hostLink: plan.host.link, mac: plan.pod.mac, ...plan.attachment });
      const outcome = await nftables.admit<AttachOutcome>(sources, (admission) =>
        attachPod({ ...context, admission }, plan, sockets),
      );
      const binding = bindingOf({ hostLink: plan.host.link, ...plan.attachment });
      if (typeof outcome === "string" || binding === undefined) return outcome;
      try {
        const ports = [...nftables.hostPorts(), binding];
        ({ bridge } = await localnet.ensure({ rtnetlink, xfrm, bridge }, ports, { verify: false }));
        await nftables.addHostPorts(binding);
      } catch (error) {
        await detacher.detach(plan.host.link, {});
        throw error;
      }
      connections.added([binding]);
      return outcome;
    },
    async checkPod(plan, { rtnetlink: socket }, routes = defaultRoutes(plan.pod.addresses)) {
      if (bridge === undefined) return ["the node has no bridge yet"];
      return checkPod({ rtnetlink, bridgeIndex: bridge.index, socket, routes }, plan);
    },
    detachPod: (hostLink, known = {}) => detacher.detach(hostLink, known),
    listAttachments: async () => (await listHostLinks()).flatMap((link) => attachmentOf(link) ?? []),
    listPodLinks: async () => listPodLinks(rtnetlink, await listHostLinks()),
    adoptPods: (attachments) =>
      nftables.adoptPods(
        attachments.map((attachment) => ({
          hostLink: attachment.hostLink,
          sources: sourcesOf(attachment),
          ports: bindingOf(attachment),
        })),
      ),
    async clearLeftovers(name) {
      const all = await listPodLikeLinks();
      const links = all.filter(isHostLink);
      const ifbs = new Set(links.map((link) => ifbName(link.name)));
      const leftovers = [
        ...links.filter(({ alias }) => alias === undefined),
        ...all.filter((link) => link.kind === "ifb" && isOurs(link) && !ifbs.has(link.name)),
      ];
      await removeAll(
        rtnetlink,
        leftovers.map(({ index }) => deleteLink(index)),
      );
      const own = await findOwnBridge(name);
      if (own === undefined) return;
      const kept = new Set(
        links.flatMap(({ alias }) => (alias === undefined ? [] : (parseAlias(alias)?.addresses ?? []))),
      );
      const neighbours = (await rtnetlink.dump(dumpNeighbours({ linkIndex: own.index }))).map(parseNeighbour);
      const routes = await listPodRoutes(rtnetlink, own.index);
      const known = new Set([
        ...routes.map(({ destination }) => destination.base),
        ...neighbours.flatMap(({ permanent, address }) => (permanent ? [address] : [])),
      ]);
      const stale = [...known].filter((address) => !kept.has(address));
      await removeAll(
        rtnetlink,
        stale.flatMap((address) => addressRemovals(own.index, address)),
      );
    },
    async adoptBridge(name) {
      bridge = await findOwnBridge(name);
    },
    async listGateways(name) {
      const link = await findOwnBridge(name);
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
      if (bridge === undefined) return;
      bridgeAlias = formatBridgeAlias(addresses);
      // A bridge that was deleted meanwhile gets its alias with its successor.
      await removeAll(rtnetlink, [setLink(bridge.index, { alias: bridgeAlias })]);
    },
    trackUnderlay: underlay.observe,
    async ensureNode(plan) {
      const ensured = await ensureBridge(rtnetlink, plan, listHostLinks);
      const context = { rtnetlink, xfrm, bridge: ensured.link };
      const opened127 = await localnet.ensure(context, nftables.hostPorts(), { verify: true });
      bridge = opened127.bridge;
      if (opened127.fault !== undefined && opened127.fault !== localnetFault)
        input.onError(new Error(opened127.fault));
      localnetFault = opened127.fault;
      await ignoreRouters(procSysctls, plan.bridge);
      const left = Object.keys(diffBridge(plan, bridge));
      const opened = await ensureForwarding(rtnetlink, plan.uplinks);
      const ipv6 = plan.families.includes(6)
        ? await ensureIpv6Forwarding(procSysctls, plan.uplinks)
        : { changes: [], faults: [] };
      return {
        changes: [
          ...ensured.changes,
          ...opened127.changes,
          ...opened.map((name) => ({
            kind: "forwarding" as const,
            fault: `link "${name}" did not forward, or accepted redirects`,
          })),
          ...ipv6.changes,
        ],
        faults: [
          ...(left.length === 0 ? [] : [`bridge "${plan.bridge}" does not keep its ${left.join(", ")}`]),
          ...ipv6.faults,
        ],
      };
    },
    ensurePeers: peers.ensure,
    listPeers: () => listPeers(rtnetlink),
    listForeignDropPolicies: nftables.listForeignDropPolicies,
    ensureRuleset: nftables.ensure,
    checkRuleset: nftables.check,
    policy,
    policyTraffic: createPolicyTraffic({ ...input, options: input.policy }),
    async listListeners(protocol) {
      const found: NodeListener[] = [];
      for (const family of [4, 6] as const) {
        const request = dumpListeningSockets(family, PROTOCOL_NUMBERS[protocol]);
        found.push(...(await input.sockets.dump(request)).map(parseListeningSocket));
      }
      return found;
    },
    async countDrops() {
      const ports = await readCounters(netfilter, tableKey("bridge"));
      const overlay = await readCounters(netfilter, tableKey("inet"));
      return Object.fromEntries([
        ...PORT_DROP_REASONS.map((reason) => [reason, ports.get(dropCounter(reason)) ?? 0]),
        ...OVERLAY_DROP_REASONS.map((reason) => [reason, overlay.get(reason) ?? 0]),
      ]) as Record<DropReason, number>;
    },
    removeDatapath: () => removeDatapath({ rtnetlink, xfrm }),
    close() {
      connections.stop();
      rtnetlink.close();
      netfilter.close();
      generic.close();
      input.sockets.close();
      xfrm.close();
    },
  };
}

/** The host ports of an attachment; undefined when it has none. */
function bindingOf(attachment: ObservedAttachment): PortBinding | undefined {
  const { hostLink, containerId, addresses, settings = NO_SETTINGS } = attachment;
  const { hostPorts } = settings;
  return hostPorts.length === 0 ? undefined : { hostLink, containerId, addresses, hostPorts };
}
