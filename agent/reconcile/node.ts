import type { Attachments, ReloadChanges } from "../ipam/attachments.ts";
import type { Ipam } from "../ipam/ipam.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Log } from "../log/log.ts";
import { formatCidr } from "../net/cidr.ts";
import { type Attachment, describePod } from "../plan/pods/attachment.ts";
import type { EncryptionType, OverlayMode } from "../plan/peers/peer-routes.ts";
import { DEFAULT_MTU, mtuFault } from "../plan/peers/pod-mtu.ts";
import type { Surroundings } from "../plan/node/surroundings.ts";
import { describeVrf, type Underlay } from "../plan/node/underlay.ts";
import type { Readiness } from "../lib/readiness.ts";
import type { LocalNetwork } from "./cluster/local-network.ts";
import type { PodAdmission } from "./policy/pod-admission.ts";
import { inPart } from "./runner/in-part.ts";
import { createLastGiven } from "./node/last-given.ts";
import { createNodeNetwork } from "./node/node-network.ts";
import { createOwnPodCidrs, type OwnNode } from "./node/own-pod-cidrs.ts";
import { reloadAttachments } from "./node/reload-attachments.ts";
import { createChangeReporter, type ReportChanges } from "./report/report-changes.ts";

export interface NodeReconcilerInput {
  readonly kernel: Pick<
    Kernel,
    | "adoptPods"
    | "checkAttachments"
    | "clearLeftovers"
    | "detachPod"
    | "ensureNode"
    | "listAttachments"
    | "adoptBridge"
    | "listGateways"
    | "trackUnderlay"
    | "readLastGiven"
    | "readMtu"
    | "repairAttachments"
    | "saveLastGiven"
  >;
  readonly ipam: Ipam;
  readonly attachments: Attachments;
  readonly policies: Pick<PodAdmission, "adopt" | "release">;
  readonly readiness: Pick<Readiness, "set" | "warn">;
  readonly log: Log;
  readonly bridge: string;
  /** 0 takes the uplink's. */
  readonly mtu: number;
  readonly overlay: OverlayMode;
  readonly encryption: { readonly type: EncryptionType };
  readonly ownNode: () => OwnNode;
  /**
   * Why what the node is told to have is refused, on a machine with these surroundings; undefined when it is
   * not.
   */
  readonly refusal: (surroundings: Surroundings) => Promise<string | undefined>;
  /** Addresses of the other nodes, also those that are not used at present. */
  readonly peerAddresses: () => readonly string[];
  readonly nowMs: () => number;
  /** Runs work while no pod is attached or detached. */
  readonly undisturbed: <T>(work: () => Promise<T>) => Promise<T>;
  /** Hears of everything that somebody changed and that was put back. */
  readonly onRepair: (kind: string, fault: string) => void;
}

export interface NodeReconciler {
  /**
   * The first time rebuilds pools and attachments from the kernel. Then, as every time, plans the whole node,
   * compares it with the kernel and applies the difference. May be repeated at any time; throws when
   * something is not as planned in the end.
   */
  run(): Promise<void>;
  /**
   * Looks up the routes to nodes that came since the last run; runs if they lead where none has led before.
   */
  meetPeers(): Promise<void>;
  /** Keeps the addresses that were last given in the kernel, as each run does: before a stop. */
  saveLastGiven(): Promise<void>;
  /** MTU of pods as last planned. */
  mtu(): number;
  /** Whether what the node is told to have was refused in the last run. */
  isRefused(): boolean;
  /** This node's side of what is between nodes, as last made; undefined before. */
  local(): LocalNetwork | undefined;
}

const NOT_APPLIED = "bridge and forwarding wait for PodCIDRs";

export function createNodeReconciler(input: NodeReconcilerInput): NodeReconciler {
  const { kernel, ipam, attachments, readiness, log, bridge } = input;
  const reportChanges = createChangeReporter(input);
  const podCidrs = createOwnPodCidrs(input);
  const network = createNodeNetwork({ ...input, reportChanges });
  const lastGiven = createLastGiven(kernel, ipam);
  let isRecovered = false;
  let refusal: string | undefined;
  let local: Omit<LocalNetwork, "podCidrs" | "formerCidrs"> | undefined;

  const recover = async (): Promise<void> => {
    await kernel.clearLeftovers(bridge);
    await kernel.adoptBridge(bridge);
    await podCidrs.recover();
    const { adopted } = await reloadAttachments(input);
    ipam.resume(await kernel.readLastGiven(bridge));
    const podCIDRs = podCidrs.current().map(formatCidr);
    log.info({ podCIDRs, attachments: adopted.length }, "Recovered state from the kernel");
  };

  const apply = async (node: OwnNode, underlay: Underlay): Promise<void> => {
    logReload(log, attachments, await reloadAttachments(input));
    const ownAddresses = node.podCidrs.length === 0 ? undefined : node.addresses;
    const changes = await network.apply({ podCidrs: podCidrs.current(), underlay, ownAddresses });
    local = { addresses: node.addresses, underlay };
    if (changes.some(({ kind }) => kind === "bridge")) lastGiven.forget();
    await lastGiven.save();
    await repairAttachments(input, reportChanges);
    // All is as it can be, and not as it was asked for.
    const fault = mtuFault({ ...input, families: network.families(podCidrs.current()) });
    if (fault !== undefined) throw new Error(fault);
  };

  const run = (): Promise<void> =>
    inPart(readiness, "node network", async () => {
      if (!isRecovered) await recover();
      isRecovered = true;
      const node = input.ownNode();
      const underlay = await kernel.trackUnderlay(node.addresses, input.peerAddresses(), "all");
      readiness.warn("VRF", describeVrf(underlay.vrfAddresses));
      refusal = await input.refusal(underlay.surroundings);
      podCidrs.learn(node, refusal);
      if (podCidrs.current().length === 0) return NOT_APPLIED;
      await apply(node, underlay);
      return undefined;
    });

  return {
    run,
    saveLastGiven: lastGiven.save,
    async meetPeers() {
      if (local === undefined) return;
      const { addresses, underlay } = local;
      const peers = input.peerAddresses();
      if (peers.every((address) => underlay.routes.has(address))) return;
      const seen = await kernel.trackUnderlay(addresses, peers, "new only");
      const isSame = describeLinks(seen) === describeLinks(underlay);
      local = { addresses, underlay: isSame ? seen : underlay };
      if (!isSame) await run();
    },
    mtu: () => network.mtu() ?? DEFAULT_MTU,
    isRefused: () => refusal !== undefined,
    local: () => local && { ...local, podCidrs: podCidrs.current(), formerCidrs: ipam.formerCidrs() },
  };
}

async function repairAttachments(
  { kernel, undisturbed }: NodeReconcilerInput,
  reportChanges: ReportChanges,
): Promise<void> {
  if ((await kernel.checkAttachments()).length === 0) return;
  // What was found may be an ADD or DEL on its way: it is looked at again when none is.
  reportChanges(await undisturbed(() => kernel.repairAttachments()), { isRepair: true });
}

function logReload(log: Log, attachments: Attachments, { adopted, vanished }: ReloadChanges): void {
  if (adopted.length + vanished.length === 0) return;
  const pods = adopted.map((hostLink) => describeHolder(hostLink, attachments.get(hostLink)));
  const gone = vanished.map(({ hostLink, attachment }) => describeHolder(hostLink, attachment));
  log.warn({ adopted: pods, vanished: gone }, "Attachments changed without a CNI call");
}

function describeHolder(hostLink: string, attachment: Attachment | undefined): string {
  return attachment === undefined ? hostLink : `${hostLink} of ${describePod(attachment)}`;
}

/** What the node's own network follows of its underlay. */
function describeLinks({ uplinks, addresses }: Underlay): string {
  return JSON.stringify([uplinks, [...addresses]]);
}
