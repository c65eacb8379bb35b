import type { PoolUse } from "../ipam/ipam.ts";
import type { DenialTotal } from "../plan/policy/drops/denial-totals.ts";
import type { Bandwidth } from "../plan/pods/bandwidth.ts";
import type { RouteKind } from "../plan/peers/count-routes.ts";
import type { HostPort } from "../plan/pods/host-ports.ts";

/**
 * What is on this node, as plain data: `causeway status --json` prints it, and the agent answers it to the
 * query "report". All times are milliseconds since the epoch. What is not known is left out: a report that
 * was made without the agent knows the kernel's side alone.
 */
export interface NodeReport {
  /** Raised when a reader of an older form would misread a newer one; keys are only ever added otherwise. */
  readonly format: 1;
  readonly atMs: number;
  /** Undefined in a report that was made without the agent. */
  readonly agent?: AgentReport | undefined;
  readonly node: OwnNodeReport;
  /** Undefined when only the agent could tell. */
  readonly readiness?: ReadinessReport | undefined;
  readonly pools: readonly PoolUse[];
  /** By creation, the newest first. */
  readonly attachments: readonly AttachmentReport[];
  readonly peers: PeersReport;
  /** The last ones, the newest first. */
  readonly calls: readonly CallRecord[];
  readonly repairs: readonly RepairRecord[];
  readonly problems: readonly ProblemRecord[];
  /** What policies have dropped; agents before 0.2 do not tell. */
  readonly denied?: readonly DeniedRecord[] | undefined;
  /**
   * Packets that each policy has dropped since the agent started, the most first; agents before 0.2 do not
   * tell.
   */
  readonly denials?: readonly DenialTotal[] | undefined;
  /** Configurations that runtimes load instead of ours. */
  readonly rivals: readonly string[];
  /**
   * What `causeway doctor` says: for the page at a loopback address alone, while somebody looks at it; agents
   * before 0.2 do not tell.
   */
  readonly doctor?: DoctorReport | undefined;
}

/** "running": no examination has ended yet, or only one of too long ago. */
export type DoctorReport =
  | { readonly kind: "running" }
  | { readonly kind: "findings"; readonly atMs: number; readonly findings: readonly FindingRecord[] }
  | { readonly kind: "failed"; readonly atMs: number; readonly reason: string };

/** A finding as `causeway doctor --json` prints it. */
export interface FindingRecord {
  readonly name: string;
  readonly verdict: "ok" | "info" | "warn" | "fail";
  readonly evidence: string;
  /** A command for a root shell on the node. */
  readonly remedy?: string | undefined;
}

export interface AgentReport {
  readonly version: string;
  readonly nodeVersion: string;
  readonly pid: number;
  readonly startedMs: number;
  readonly settings: AgentSettings;
  /** Where the agent learns of nodes. */
  readonly source: {
    readonly kind: "kubernetes" | "nodes file";
    /** Whether all nodes are known. */
    readonly isComplete: boolean;
    /** Why it does not work right now. */
    readonly fault?: string | undefined;
    readonly nodes: number;
    readonly skipped: number;
  };
}

/** Settings of the agent that tell where its things are. */
export interface AgentSettings {
  readonly socket: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  readonly cniConfName: string;
  readonly bridge: string;
  /** MTU of pods; 0: as the uplink has it. Agents before 0.2 do not tell. */
  readonly mtu?: number | undefined;
  readonly overlay: string;
  readonly vxlanDevice: string;
  readonly vxlanVni: number;
  readonly vxlanPort: number;
  /**
   * Bit of connections' marks by which policies end them; undefined: none are enforced, or the agent is of a
   * release that does not tell.
   */
  readonly policyMarkBit?: number | undefined;
  /** Families whose traffic is masqueraded. */
  readonly masquerade: readonly number[];
}

export interface OwnNodeReport {
  readonly name?: string | undefined;
  readonly addresses?: readonly string[] | undefined;
  readonly podCIDRs: readonly string[];
  readonly bridge?: string | undefined;
  /** MTU of new pods. */
  readonly mtu?: number | undefined;
  /** What other nodes must know to encrypt what they send here; undefined where nothing is encrypted. */
  readonly wireguard?: OwnKeyReport | undefined;
}

/** This node's WireGuard key. */
export interface OwnKeyReport {
  readonly publicKey: string;
  readonly port: number;
  readonly ageMs?: number | undefined;
  /** While keys are rotated: the key that comes next, and how many nodes are to know it first. */
  readonly rotation?: KeyRotationReport | undefined;
}

export interface KeyRotationReport {
  readonly publicKey: string;
  readonly port: number;
  readonly nodes: number;
  /** Names of those that have not shown yet that they know it. */
  readonly waitingFor: readonly string[];
}

export interface ReadinessReport {
  readonly isReady: boolean;
  readonly reasons: readonly { readonly part: string; readonly reason: string }[];
  /** What keeps no pod from starting. Agents before 0.2 do not tell. */
  readonly warnings?: readonly { readonly part: string; readonly reason: string }[];
}

/** One interface of one pod. */
export interface AttachmentReport {
  /** `NAMESPACE/NAME`, where the runtime told it at the ADD. */
  readonly pod?: string | undefined;
  readonly containerId: string;
  readonly ifname: string;
  /** CNI network name of the conflist. */
  readonly network: string;
  readonly addresses: readonly string[];
  readonly hostLink: string;
  readonly mtu: number;
  /** Both ends are up. */
  readonly isUp: boolean;
  readonly hostPorts: readonly HostPort[];
  /** In bits per second and bits. */
  readonly bandwidth: Bandwidth;
  readonly createdMs?: number | undefined;
  /** It was created then, or before. */
  readonly isOlder?: boolean | undefined;
}

export interface PeerReport {
  readonly node?: string | undefined;
  readonly podCIDR: string;
  readonly route: RouteKind;
  /** The node's address that packets go to: by a plain route, or as the outer address of VXLAN. */
  readonly via?: string | undefined;
  /** Why it is held or unreachable. */
  readonly reason?: string | undefined;
}

export interface PeersReport {
  /** Of PodCIDRs. The kernel alone knows only those that can be reached. */
  readonly counts: Readonly<Partial<Record<RouteKind, number>>>;
  /** Those that cannot be reached first. May be cut: `counts` has all. */
  readonly list: readonly PeerReport[];
  /** What else an operator must know about other nodes, as sentences; at most {@link MAX_PEER_PROBLEMS}. */
  readonly problems: readonly string[];
  /** WireGuard keys of nodes that are called and do not answer; agents before 0.2 do not tell. */
  readonly unanswered?: readonly string[] | undefined;
}

export const MAX_PEER_PROBLEMS = 20;

/** One request that a runtime made. */
export interface CallRecord {
  readonly atMs: number;
  readonly command: string;
  readonly pod?: string | undefined;
  readonly containerId?: string | undefined;
  readonly ifname?: string | undefined;
  /** From the start of the shim to the reply. */
  readonly ms: number;
  /** CNI error code; 0 for success. */
  readonly code: number;
  readonly error?: string | undefined;
}

/** Something that somebody changed and the agent put back. */
export interface RepairRecord {
  readonly atMs: number;
  readonly kind: string;
  readonly fault: string;
}

/** Packets between two ends that policies have dropped, as far as the kernel logged them. */
export interface DeniedRecord {
  /** The last one. */
  readonly atMs: number;
  /** Seen from the pod whose policies have dropped it. */
  readonly direction: "ingress" | "egress";
  /** `NAMESPACE/NAME (ADDRESS)` of a pod that is known on this node, else the address. */
  readonly from: string;
  readonly to: string;
  /** Of the destination behind services, such as `TCP 80`; `ICMP`, which has none. */
  readonly port: string;
  /** The rule that denies, or the policies that isolate. */
  readonly reason: string;
  readonly hint?: string | undefined;
  readonly packets: number;
}

/** A warning or an error of the agent's log. */
export interface ProblemRecord {
  readonly atMs: number;
  readonly level: "warn" | "error";
  readonly message: string;
}
