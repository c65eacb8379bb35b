import { NETLINK_GENERIC } from "../netlink/generic/generic-family.ts";
import { NETLINK_NETFILTER } from "../netlink/nft/nft-generation.ts";
import { NETLINK_SOCK_DIAG } from "../netlink/state/sock-diag.ts";
import { NETLINK_XFRM } from "../netlink/state/xfrm.ts";
import type { Kernel } from "./kernel.ts";
import type { LinuxContext, NetlinkClients } from "./linux/context.ts";
import { createHostLinks } from "./linux/host-links.ts";
import { createNode } from "./linux/node.ts";
import { createOwnBridge } from "./linux/own-bridge.ts";
import { createPods } from "./linux/pods.ts";
import { createReads } from "./linux/read.ts";
import { createRepairs } from "./linux/repairs.ts";
import { createWatch } from "./linux/watch.ts";
import { createConnectionFlusher } from "./connections/flush-connections.ts";
import { createGenerations } from "./nft/generations.ts";
import { createNftables } from "./nft/nftables.ts";
import { findFastPathFault, findMissingFeatures } from "./nft/probe-features.ts";
import { createLocalnet } from "./node/localnet.ts";
import { createPeers } from "./peer/ensure-peers.ts";
import { listPeers } from "./peer/list-peers.ts";
import { createPolicyKernel } from "./policy/linux-policy-kernel.ts";
import type { PolicyOptions } from "./policy/policy-options.ts";
import { createPolicyTraffic } from "./policy/policy-traffic.ts";
import { removeDatapath } from "./remove-datapath.ts";
import type { Native } from "./socket/native.ts";
import { createNetlinkClient } from "./socket/netlink-client.ts";
import { createUnderlayObserver } from "./uplink/underlay.ts";
import { createWireGuardKernel } from "./wireguard/linux-wireguard-kernel.ts";

export interface LinuxKernelInput extends LinuxKernelOptions, NetlinkClients {
  readonly native: Pick<Native, "openNetlink" | "watch" | "close">;
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
  return createLinuxKernel({
    native,
    rtnetlink: createNetlinkClient(native),
    netfilter: createNetlinkClient(native, NETLINK_NETFILTER),
    generic: createNetlinkClient(native, NETLINK_GENERIC),
    sockets: createNetlinkClient(native, NETLINK_SOCK_DIAG),
    xfrm: createNetlinkClient(native, NETLINK_XFRM),
    ...options,
  });
}

/** The Linux kernel of this network namespace, through rtnetlink and nft. */
export function createLinuxKernel(input: LinuxKernelInput): Kernel {
  const { native, rtnetlink, netfilter, generic, sockets, xfrm, onError } = input;
  const connections = createConnectionFlusher(input);
  const generations = createGenerations();
  const nftables = createNftables({ netfilter, rtnetlink, generations, onRestored: connections.added });
  const policy = createPolicyKernel({ netfilter, generations, options: input.policy });
  const peers = createPeers({ rtnetlink, generic });
  const underlay = createUnderlayObserver(rtnetlink);
  const wireguard = createWireGuardKernel({ rtnetlink, generic }, () => Date.now() / 1000);
  const context: LinuxContext = {
    rtnetlink,
    netfilter,
    generic,
    sockets,
    xfrm,
    nftables,
    connections,
    localnet: createLocalnet(),
    bridge: { link: undefined, alias: undefined },
    hostLinks: createHostLinks(rtnetlink),
  };
  return {
    ...createPods({ ...context, allowSourceSpoofing: input.allowSourceSpoofing ?? false }),
    ...createRepairs(context),
    ...createOwnBridge(context),
    ...createNode({ ...context, onError }),
    ...createReads(context),
    watch: createWatch({ ...context, native, generations, policy, peers, wireguard, underlay }),
    trackUnderlay: underlay.observe,
    ensurePeers: peers.ensure,
    listPeers: () => listPeers(rtnetlink),
    listForeignDropPolicies: nftables.listForeignDropPolicies,
    ensureRuleset: nftables.ensure,
    checkRuleset: nftables.check,
    findMissingFeatures: async () => (await findMissingFeatures("node")) ?? [],
    findFastPathFault,
    policy,
    policyTraffic: createPolicyTraffic({
      ...input,
      options: input.policy,
      renewFlows: nftables.renewFlows,
    }),
    wireguard,
    removeDatapath: () => removeDatapath({ rtnetlink, xfrm }),
    close() {
      connections.stop();
      for (const client of [rtnetlink, netfilter, generic, sockets, xfrm]) client.close();
    },
  };
}
