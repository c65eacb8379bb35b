import type { Attachments } from "../../ipam/attachments.ts";
import type { HostPortTable } from "../../ipam/host-port-table.ts";
import type { Ipam } from "../../ipam/ipam.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { Join } from "../../kernel/policy/policy-kernel.ts";
import type { EarlyReply } from "../../kernel/types.ts";
import type { Readiness } from "../../lib/readiness.ts";
import type { Cidr } from "../../net/cidr.ts";
import type { Attachment } from "../../plan/pods/attachment.ts";
import type { CniRequest } from "../request/request.ts";

/** What the commands need of the rest of the agent. */
export interface CommandsContext {
  readonly kernel: Pick<
    Kernel,
    "attachPod" | "checkPod" | "checkRuleset" | "detachPod" | "listAttachments" | "listListeners"
  >;
  readonly ipam: Pick<Ipam, "reserve" | "release" | "use" | "gatewayOf">;
  readonly hostPorts: HostPortTable;
  readonly attachments: Pick<Attachments, "get" | "add" | "remove" | "list" | "changing">;
  readonly policies: PodPolicies;
  readonly readiness: Pick<Readiness, "reasons">;
  readonly bridge: string;
  /** Whether a pod may ask to send from any address. */
  readonly allowSourceSpoofing: boolean;
  /** Called with a setting that was asked for and not granted. */
  readonly onIgnoredSetting: (note: string) => void;
  /** PodCIDRs of the cluster, which a pod's second interface has routes to. */
  readonly clusterCidrs: () => readonly Cidr[];
  /** MTU of pods, which follows the uplink's. */
  readonly mtu: () => number;
  readonly nowMs: () => number;
}

/** What network policies have to do with attachments. */
export interface PodPolicies {
  /**
   * Before the pod's link can send: resolves when the kernel has what policies say of it, with a sentence
   * when the pod must not start for now. `join` may be called, once, to make the pod together with that.
   */
  admit(hostLink: string, attachment: Attachment, join?: Join): Promise<string | undefined>;
  /**
   * After its link has gone, before its addresses are free: resolves when the kernel has nothing of the pod.
   */
  release(hostLink: string): Promise<void>;
}

/** Who waits for the answer. */
export interface Caller {
  /** The runtime has given up and killed its shim. */
  isGone(): boolean;
  /** An early reply has been sent. */
  isAnswered(): boolean;
  /** An answer that another thread sends: once it has, nothing else is. Undefined: it is too long for that. */
  earlyReply(stdout: string): EarlyReply | undefined;
}

/** The requests of one command. */
export type RequestOf<Command extends CniRequest["command"]> = Extract<CniRequest, { command: Command }>;
