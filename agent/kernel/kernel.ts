import type { Family } from "../net/address.ts";
import type { Cidr } from "../net/cidr.ts";
import type { Protocol } from "../plan/pods/host-ports.ts";
import type { KernelFeature } from "../plan/node/kernel-features.ts";
import type { NodeListener } from "../plan/node/node-listeners.ts";
import type { GatewayAddress, NodePlan } from "../plan/node/node-network.ts";
import type { RememberedPeer } from "../plan/peers/overlay-nodes.ts";
import type { DropReason } from "../plan/rules/drop-reasons.ts";
import type { PodPlan } from "../plan/pods/pod-network.ts";
import type { PodRoute } from "../plan/pods/pod-routing.ts";
import type { PeersPlan } from "../plan/peers/peers.ts";
import type { Ruleset } from "../plan/nft/nft-table.ts";
import type { Underlay } from "../plan/node/underlay.ts";
import type { KnownAttachment } from "./pod/detach-pods.ts";
import type { PeersOptions, PeersOutcome } from "./peer/ensure-peers.ts";
import type { UnderlayScope } from "./uplink/underlay.ts";
import type { PolicyKernel } from "./policy/policy-kernel.ts";
import type { PolicyTraffic } from "./policy/policy-traffic.ts";
import type { WireGuardKernel } from "./wireguard/wireguard-kernel.ts";
import type { KernelWatch } from "./link/watch-kernel.ts";
import type {
  AttachOutcome,
  Change,
  Concern,
  Faults,
  NodeOutcome,
  ObservedAttachment,
  PodLink,
  AttachOptions,
  PodSockets,
} from "./types.ts";

/**
 * The one seam to the machine. Expected answers are values, everything else is a thrown error that names
 * action, object and cause. All methods may be called at the same time, except two about the same host link.
 */
export interface Kernel {
  /**
   * Makes the attachment whole or not at all: what a failed call has made, it has taken back. `clusterCidrs`
   * are asked for when the pod has other interfaces: see {@link planPodRouting}. An early reply is sent
   * once the attachment is whole with the default routes of all its addresses, where one trip to a thread
   * sees to that. Whoever is answered "not admitted" calls again without other changes.
   */
  attachPod(
    plan: PodPlan,
    sockets: PodSockets,
    clusterCidrs?: () => readonly Cidr[],
    options?: AttachOptions,
  ): Promise<AttachOutcome>;
  /**
   * What of an attachment is not as planned, in words; empty when all is. MTU 0: that of the host end.
   * `routes` are those that were made, by default the default routes.
   */
  checkPod(plan: PodPlan, sockets: PodSockets, routes?: readonly PodRoute[]): Promise<Faults>;
  /**
   * Deletes a host link of ours, with it the pod's end, its host ports and limits, and the bridge's
   * neighbours for the pod's addresses: those of the link itself and `known`, for a link that is gone. A link
   * of that name that is not ours is left alone.
   */
  detachPod(hostLink: string, known?: KnownAttachment): Promise<"detached" | "gone">;
  /**
   * Sees from the next `ensureRuleset` on to the addresses and host ports of attachments that somebody else
   * made, or that were there before the agent.
   */
  adoptPods(attachments: readonly ObservedAttachment[]): Promise<void>;
  /** All attachments, from one dump of the links. */
  listAttachments(): Promise<readonly ObservedAttachment[]>;
  /** The same with the state of their links, for people who ask. */
  listPodLinks(): Promise<readonly PodLink[]>;
  /**
   * Clears up after a crash, before the first request: deletes host links that never got their alias, and
   * neighbours on the bridge that belong to no attachment.
   */
  clearLeftovers(bridge: string): Promise<void>;
  /**
   * What of the host's side of attachments somebody has changed since their ADD: ports, flags, forwarding
   * entries, neighbours, limits.
   */
  checkAttachments(): Promise<Faults>;
  /**
   * Puts back what {@link Kernel.checkAttachments} finds, and tells it. Must not run while a pod is attached
   * or detached.
   */
  repairAttachments(): Promise<readonly Change[]>;
  /**
   * Calls `onChange` when the kernel tells of a change that may concern us: of links, addresses, neighbours,
   * routes, forwarding and our nftables tables; some of our own changes are told as well. Also when it could
   * not tell, because its buffer was full. Each concern once; then again after `rearm`.
   */
  watch(onChange: (concern: Concern) => void): KernelWatch;
  /**
   * Takes over the bridge that an agent before has left, so that pods can be detached from it before the
   * first `ensureNode`.
   */
  adoptBridge(bridge: string): Promise<void>;
  /**
   * The bridge's own addresses: they tell the last known PodCIDRs of this node. Empty when there is no
   * bridge.
   */
  listGateways(bridge: string): Promise<readonly GatewayAddress[]>;
  /**
   * Addresses that were last given to pods: see {@link formatBridgeAlias}. Empty when there is no bridge, or
   * it has none.
   */
  readLastGiven(bridge: string): Promise<readonly string[]>;
  /** MTU of the bridge, as an agent that ran before has left it; undefined if there is none. */
  readMtu(bridge: string): Promise<number | undefined>;
  /** Keeps them with the bridge. */
  saveLastGiven(addresses: readonly string[]): Promise<void>;
  /**
   * How the node with addresses `own` is connected to nodes with addresses `peers`: see {@link
   * UnderlayObserver.observe}. What changes it is a concern of {@link Kernel.watch} from then on.
   */
  trackUnderlay(own: readonly string[], peers: readonly string[], scope: UnderlayScope): Promise<Underlay>;
  /** Makes bridge, addresses and forwarding as planned, and verifies. */
  ensureNode(plan: NodePlan): Promise<NodeOutcome>;
  /** Makes the routes to other nodes as planned: see {@link Peers.ensure}. */
  ensurePeers(plan: PeersPlan, options: PeersOptions): Promise<PeersOutcome>;
  /** What our routes tell of other nodes: all that is known of the cluster before anybody tells. */
  listPeers(): Promise<readonly RememberedPeer[]>;
  /**
   * Chains of others that cost pods of these families traffic, in words and with the remedy; asked of nft
   * only when some ruleset has changed.
   */
  listForeignDropPolicies(bridge: string, families: readonly Family[]): Promise<readonly string[]>;
  /**
   * What of the nftables tables is not as {@link Kernel.ensureRuleset} last left it. Cheap while no ruleset
   * of the machine has changed, unless it is to be read `afresh`.
   */
  checkRuleset(options?: { readonly afresh: boolean }): Promise<Faults>;
  /**
   * Makes the nftables table as planned, verifies it, and tells what was not as planned before; nothing then.
   */
  ensureRuleset(ruleset: Ruleset): Promise<Faults>;
  /** What of nftables this kernel does not have, found by trying. */
  findMissingFeatures(): Promise<readonly KernelFeature[]>;
  /** Why this kernel leads no connection past all chains, in words, found by trying; undefined: it does. */
  findFastPathFault(): Promise<string | undefined>;
  /** The table of network policies. Nothing of it is there before its first `ensure`. */
  readonly policy: PolicyKernel;
  /** What it does to connections. */
  readonly policyTraffic: PolicyTraffic;
  /** Tunnels that encrypt. */
  readonly wireguard: WireGuardKernel;
  /** Where programs of the node take what comes by a transport protocol, the agent itself included. */
  listListeners(protocol: Protocol): Promise<readonly NodeListener[]>;
  /** Frames of pods that were dropped at their ports, by reason, since the table was made. */
  countDrops(): Promise<Readonly<Record<DropReason, number>>>;
  /**
   * Removes everything of ours, pods' links included, and gives what it was: see {@link removeDatapath}. For
   * a node that no agent serves.
   */
  removeDatapath(): Promise<readonly string[]>;
  close(): void;
}
