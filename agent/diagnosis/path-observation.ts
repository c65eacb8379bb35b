import type { EncryptedObservation } from "./encryption/explain-encrypted.ts";
import type { Link } from "../netlink/link/parse-link.ts";
import type { Route } from "../netlink/route/route.ts";
import type { RouteLookup } from "../netlink/route/route-lookup.ts";
import type { Observed } from "./finding.ts";
import type { PodIdentity } from "../plan/pods/names/pod-identity.ts";
import type { ObservedTable } from "../plan/nft/diff-table.ts";
import type { ForwardChain } from "../plan/foreign/forward-chain.ts";
import type { PolicyTrace } from "../plan/policy/trace/trace-policies.ts";
import type { Target } from "./target.ts";

/**
 * Everything that the kernel, and the agent where it runs, say about the way of a packet from a pod to a
 * target and of the answers.
 */
export interface PathObservation {
  /** Address of the pod. */
  readonly source: string;
  readonly target: Target;
  readonly nodeName: string;
  readonly bridge: Link | undefined;
  readonly gateways: readonly Gateway[];
  /** net.ipv6.conf.all.forwarding; undefined without IPv6. */
  readonly ipv6Forwarding: number | undefined;
  /** Undefined: no pod on this node has the source address. */
  readonly pod: PodEnd | undefined;
  /** The bridge's table, which checks what pods send from; undefined: there is none. */
  readonly guard: Observed<ObservedTable | undefined>;
  /** The route to another node that holds the source address. */
  readonly sourceRoute: Route | undefined;
  readonly hostPort: HostPortObservation | undefined;
  /** What others make of the target, as a service's proxy does; undefined: nothing. */
  readonly translation: Translation | undefined;
  /** Where the packet goes once the target has been translated. */
  readonly destination: string;
  readonly lookup: RouteLookup;
  /** Entry of the routing table that decides. */
  readonly entry: Route | undefined;
  /** The other node whose PodCIDR holds the destination, as far as it is known. */
  readonly peer: PeerKnowledge | undefined;
  readonly chains: Observed<readonly ForwardChain[]>;
  readonly policies: PolicyObservation;
  readonly delivery: Delivery;
  /** The way of the answers, from the link where they come in. */
  readonly back: RouteLookup | undefined;
  /** Entry of the routing table that decides about them. */
  readonly backEntry: Route | undefined;
  /** Where they come in. */
  readonly backLink: Link | undefined;
}

/** What network policies make of the packet. */
export type PolicyObservation =
  /** None are enforced; or the agent, which alone knows, is away: that is told elsewhere. */
  | { readonly kind: "untold" }
  /** Without a port nobody can tell. */
  | { readonly kind: "no port" }
  /** The agent has not told. */
  | { readonly kind: "unknown"; readonly reason: string }
  | {
      readonly kind: "judged";
      readonly trace: PolicyTrace;
      /** What of the kernel's table is not as the agent has it, in words. */
      readonly faults: readonly string[];
      /** The port behind the target's is one that nft does not show: it was judged by the target's own. */
      readonly isPortGuessed: boolean;
    };

export interface Gateway {
  readonly address: string;
  readonly prefixLength: number;
}

/** A pod of this node as the host sees it. */
export interface PodEnd {
  readonly address: string;
  readonly hostLink: Link;
  readonly containerId: string;
  readonly pod: PodIdentity | undefined;
  readonly ifname: string;
  /** The host has a route to the address. */
  readonly isRouted: boolean;
  /** Entry of the bridge for the address. */
  readonly neighbour: { readonly mac: string | undefined; readonly permanent: boolean } | undefined;
  /** MACs that the bridge forwards to the pod's link. */
  readonly portMacs: readonly string[];
}

/** What the maps of host ports, and the names of pods' links, hold of the target's port. */
export interface HostPortObservation {
  /** Whether the target is an address of this node. */
  readonly isLocal: boolean;
  /** The pod that has the port by its link's names. */
  readonly binding:
    | {
        readonly hostLink: string;
        readonly containerId: string;
        readonly pod: PodIdentity | undefined;
        readonly address: string;
        readonly port: number;
      }
    | undefined;
  readonly set: string;
  /** Key of the element, as nft has it. */
  readonly key: string;
  /** What the map holds for it, as `10.244.1.3 . 80`; undefined: nothing. */
  readonly element: Observed<string | undefined>;
}

/** What rules of others make of the first packet to a target. */
export type Translation =
  | {
      readonly kind: "translated";
      /** Family, table and chain, in nft's order: ip, nat, KUBE-SVC-X. */
      readonly chain: string;
      readonly endpoints: readonly {
        readonly address: string;
        /** Undefined: that of the target, or one that nft does not show. */
        readonly port: number | undefined;
        readonly podName: string | undefined;
      }[];
    }
  /** Nothing takes it: a service without endpoints, or a port that it does not have. */
  | { readonly kind: "refused"; readonly chain: string }
  /** Only other ports of the address are translated. */
  | { readonly kind: "other ports"; readonly chain: string }
  | {
      readonly kind: "unknown";
      /** Who may translate it, and why that cannot be told. */
      readonly reason: string;
      /** The rules speak of this target, so that it goes nowhere by itself. */
      readonly isCertain: boolean;
    };

/** Another node as the agent knows it, or as what is left in the kernel tells. */
export interface PeerKnowledge {
  readonly name: string | undefined;
  readonly podCidr: string;
  /**
   * False: the prefix may as well be one that the operator has added to those that see pods' own addresses.
   */
  readonly isCertain: boolean;
  /** Why the agent makes no way to it. */
  readonly reason: string | undefined;
  /** Commands that make the way to it, where all is known that they need. */
  readonly remedy: string | undefined;
}

/**
 * A host on a link, and whether its MAC is known: "unasked" is normal, "unresolved" means that nobody
 * answered.
 */
export interface NextHop {
  readonly address: string;
  readonly link: Link | undefined;
  readonly state: "unasked" | "resolved" | "unresolved";
}

export type Delivery =
  /** The node itself. */
  | { readonly kind: "node" }
  /** Undefined: no pod has the address. */
  | { readonly kind: "pod"; readonly end: PodEnd | undefined }
  | { readonly kind: "direct"; readonly hop: NextHop }
  | { readonly kind: "overlay"; readonly overlay: OverlayObservation }
  | { readonly kind: "encrypted"; readonly encrypted: EncryptedObservation }
  | { readonly kind: "egress"; readonly hop: NextHop; readonly masquerade: Masquerade }
  | { readonly kind: "nowhere" };

export interface OverlayObservation {
  readonly tunnel: Link;
  readonly gateway: string | undefined;
  /** MAC of the gateway. */
  readonly mac: string | undefined;
  /** Where the device sends frames for that MAC. */
  readonly remote: string | undefined;
  /** MACs that the device knows and that no gateway has: one alone is the missing one. */
  readonly orphans: readonly string[];
  readonly outer: RouteLookup | undefined;
  readonly hop: NextHop | undefined;
  /**
   * What the guard's sets must hold and do not, for the answers to be let in; undefined: where they come from
   * is not known.
   */
  readonly lacking: Observed<readonly GuardElement[]> | undefined;
}

/** An element of a set of table inet. */
export interface GuardElement {
  readonly set: string;
  readonly element: string;
}

/** What becomes of the source address of a packet that leaves the cluster. */
export type Masquerade =
  | { readonly kind: "masqueraded" }
  /** The destination is in the set of destinations that see pods' own addresses. */
  | { readonly kind: "inside" }
  | { readonly kind: "off" }
  /** What is missing, in words. */
  | { readonly kind: "broken"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };
