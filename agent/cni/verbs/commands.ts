import type { Attachments } from "../../ipam/attachments.ts";
import type { HostPortTable } from "../../ipam/host-port-table.ts";
import type { Ipam } from "../../ipam/ipam.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { SharedLock } from "../../lib/shared-lock.ts";
import type { Cidr } from "../../net/cidr.ts";
import type { Readiness } from "../../lib/readiness.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { createKeyedLock } from "../../lib/keyed-lock.ts";
import { createLimiter } from "../../lib/limiter.ts";
import { SUPPORTED_VERSIONS } from "../request/network-config.ts";
import type { CniRequest } from "../request/request.ts";
import { status } from "./status.ts";

/** What the commands need of the rest of the agent. */
export interface CommandsContext {
  readonly kernel: Pick<
    Kernel,
    "attachPod" | "checkPod" | "checkRuleset" | "detachPod" | "listAttachments" | "listListeners"
  >;
  readonly ipam: Pick<Ipam, "reserve" | "release" | "use" | "gatewayOf">;
  readonly hostPorts: HostPortTable;
  readonly attachments: Pick<Attachments, "get" | "add" | "remove" | "list">;
  readonly readiness: Pick<Readiness, "reasons">;
  readonly bridge: string;
  /** Whether a pod's wish to send from any address counts. */
  readonly allowSourceSpoofing: boolean;
  /** Hears of a wish that was not granted. */
  readonly onIgnoredWish: (note: string) => void;
  /** PodCIDRs of the cluster, which a pod's second interface has routes to. */
  readonly clusterCidrs: () => readonly Cidr[];
  /** MTU of pods, which follows the uplink's. */
  readonly mtu: () => number;
  readonly nowMs: () => number;
}

/** Who waits for the answer. */
export interface Caller {
  /** The runtime has given up and killed its shim. */
  isGone(): boolean;
}

/** Serves one CNI request and answers what the shim prints; throws CniError. */
export type Commands = (request: CniRequest, caller: Caller) => Promise<string>;

/**
 * The kernel makes one veth at a time. A few more than there are threads, so that the next is always planned; the others wait as the few bytes that
 * were asked, which the garbage collector need not carry around.
 */
const MAX_ADDS = 6;

/** `collection`: shared by requests about one pod, exclusive for what looks at all of them. */
export function createCommands(context: CommandsContext, collection: SharedLock): Commands {
  // A runtime that gave up on an ADD sends DEL at once, and kubelets send several DELs: order per container is what makes the last
  // word the DEL's.
  const containers = createKeyedLock();
  const adds = createLimiter(MAX_ADDS);
  const inTurn = (containerId: string, work: () => Promise<string>): Promise<string> =>
    collection.shared(() => containers.run(containerId, work));

  return async (request, caller) => {
    switch (request.command) {
      case "ADD":
        return inTurn(request.containerId, () => adds.run(() => add(context, request, caller)));
      case "CHECK":
        return inTurn(request.containerId, () => check(context, request));
      case "DEL":
        return inTurn(request.containerId, () => del(context, request));
      case "GC":
        // It decides by a list that is only true while nothing comes or goes.
        return collection.exclusive(() => gc(context, request));
      case "STATUS":
        return status(context);
      case "VERSION":
        return `${JSON.stringify({ cniVersion: SUPPORTED_VERSIONS.at(-1), supportedVersions: SUPPORTED_VERSIONS })}\n`;
    }
  };
}

/** The requests of one command. */
export type RequestOf<Command extends CniRequest["command"]> = Extract<CniRequest, { command: Command }>;
