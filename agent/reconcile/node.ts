import type { Attachments, ReloadChanges } from "../ipam/attachments.ts";
import type { Ipam } from "../ipam/ipam.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Change } from "../kernel/types.ts";
import type { Log } from "../log/log.ts";
import { type Cidr, cidrOf, formatCidr } from "../net/cidr.ts";
import { type Attachment, describePod } from "../plan/pods/attachment.ts";
import { planNodeNetwork } from "../plan/node/node-network.ts";
import type { OverlayMode } from "../plan/peers/peer-routes.ts";
import { DEFAULT_MTU, mtuFault, planMtu } from "../plan/node/pod-mtu.ts";
import type { Surroundings } from "../plan/node/surroundings.ts";
import type { Underlay } from "../plan/node/underlay.ts";
import type { Readiness } from "../lib/readiness.ts";
import type { LocalNetwork } from "./cluster.ts";
import type { PodAdmission } from "./policy/pod-admission.ts";
import { inPart } from "./runner/in-part.ts";
import { createChangeReporter } from "./report-changes.ts";

/** This node as Kubernetes or the nodes file describes it. */
export interface OwnNode {
  readonly addresses: readonly string[];
  readonly podCidrs: readonly Cidr[];
  /** Why there are no PodCIDRs, where there are none. */
  readonly reason: string | undefined;
}

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
  readonly readiness: Pick<Readiness, "set">;
  readonly log: Log;
  readonly bridge: string;
  /** 0 takes the uplink's. */
  readonly mtu: number;
  readonly overlay: OverlayMode;
  readonly ownNode: () => OwnNode;
  /** Why what the node is told to have is refused, on a machine with these surroundings; undefined when it is not. */
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
   * The first time rebuilds pools and attachments from the kernel. Then, as every time, plans the whole node, compares it with the
   * kernel and applies the difference. May be repeated at any time; throws when something is not as planned in the end.
   */
  run(): Promise<void>;
  /** Looks up the routes to nodes that came since the last run; runs if they lead where none has led before. */
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
  const { kernel, ipam, attachments, policies, readiness, log, bridge, nowMs } = input;
  const reportChanges = createChangeReporter(input);
  /** PodCIDRs that the kernel had when the agent started: good until somebody tells others. */
  let podCidrs: readonly Cidr[] = [];
  let mtu: number | undefined;
  let appliedPlan = "";
  let refusal: string | undefined;
  let local: Omit<LocalNetwork, "podCidrs" | "formerCidrs"> | undefined;

  /** Brings the table in step with the kernel: namespaces die without a DEL, and a shim deletes links while the agent is away. */
  const reloadAttachments = async (): Promise<ReloadChanges> => {
    const finishReload = attachments.beginReload();
    const observed = await kernel.listAttachments();
    const changes = finishReload(
      new Map(observed.map(({ hostLink, ...attachment }) => [hostLink, attachment])),
    );
    const adopted = new Set(changes.adopted);
    const adoptedPods = observed.filter(({ hostLink }) => adopted.has(hostLink));
    await kernel.adoptPods(adoptedPods);
    policies.adopt(adoptedPods.map((pod) => [pod.hostLink, pod]));
    for (const { hostLink, attachment } of changes.vanished) {
      await kernel.detachPod(hostLink, attachment);
      await policies.release(hostLink);
      attachments.remove(hostLink, nowMs());
    }
    return changes;
  };

  const repairAttachments = async (): Promise<void> => {
    if ((await kernel.checkAttachments()).length === 0) return;
    // What was found may be an ADD or DEL on its way: it is looked at again when none is.
    reportChanges(await input.undisturbed(() => kernel.repairAttachments()), { isRepair: true });
  };

  /** What is refused leaves the node with what it has: pods that run keep their network, and a node that has nothing waits. */
  const learnPodCidrs = ({ podCidrs: assigned, reason }: OwnNode): void => {
    if (assigned.length > 0 && refusal === undefined) {
      const before = podCidrs.map(formatCidr).join(", ");
      const after = assigned.map(formatCidr).join(", ");
      if (before !== after) log.info({ before, after }, "PodCIDRs of this node");
      podCidrs = assigned;
      ipam.setPodCidrs(assigned);
      // Pods may be older than the pool: somebody deleted the bridge while the agent was away, so that it recovered them without PodCIDR.
      for (const { addresses } of attachments.list()) ipam.claim(addresses);
    }
    const missing = podCidrs.length === 0 ? (reason ?? "the node has no PodCIDR") : undefined;
    readiness.set("pod CIDRs", refusal ?? missing);
  };

  const recover = async (): Promise<void> => {
    await kernel.clearLeftovers(bridge);
    await kernel.adoptBridge(bridge);
    const gateways = await kernel.listGateways(bridge);
    const cidr = ({ address, prefixLength }: (typeof gateways)[number]): Cidr =>
      cidrOf(address, prefixLength);
    podCidrs = gateways.filter(({ deprecated }) => !deprecated).map(cidr);
    ipam.setPodCidrs(podCidrs);
    for (const gateway of gateways.filter(({ deprecated }) => deprecated)) ipam.addFormerCidr(cidr(gateway));
    const { adopted } = await reloadAttachments();
    ipam.resume(await kernel.readLastGiven(bridge));
    log.info(
      { podCIDRs: podCidrs.map(formatCidr), attachments: adopted.length },
      "Recovered state from the kernel",
    );
  };

  /** Written only when it differs: every pod that starts changes it. */
  let savedLastGiven = "";
  const saveLastGiven = async (): Promise<void> => {
    const lastGiven = ipam.lastGiven();
    if (lastGiven.join() === savedLastGiven) return;
    await kernel.saveLastGiven(lastGiven);
    savedLastGiven = lastGiven.join();
  };

  const applyNetwork = async (node: OwnNode, underlay: Underlay): Promise<void> => {
    const { adopted, vanished } = await reloadAttachments();
    if (adopted.length + vanished.length > 0) {
      const pods = adopted.map((hostLink) => describeHolder(hostLink, attachments.get(hostLink)));
      const gone = vanished.map(({ hostLink, attachment }) => describeHolder(hostLink, attachment));
      log.warn({ adopted: pods, vanished: gone }, "Attachments changed without a CNI call");
    }
    const ownAddresses = node.podCidrs.length === 0 ? undefined : node.addresses;
    const families = [...podCidrs, ...ipam.formerCidrs()].map(({ family }) => family);
    const before = mtu ?? (await kernel.readMtu(bridge));
    mtu = planMtu({ ...input, families, underlay, ownAddresses, before });
    const plan = planNodeNetwork({
      bridge,
      mtu,
      podCidrs,
      formerCidrs: ipam.formerCidrs(),
      uplinks: underlay.uplinks.map(({ name }) => name),
    });
    const outcome = await kernel.ensureNode(plan);
    const text = JSON.stringify(plan);
    // What pods have taught the host is no plan's.
    const isLearned = ({ kind }: Change): boolean => kind === "learned route" || kind === "learned neighbour";
    const learned = outcome.changes.filter(isLearned);
    const planned = outcome.changes.filter((change) => !isLearned(change));
    reportChanges(learned, { isRepair: true });
    reportChanges(planned, { isRepair: text === appliedPlan });
    if (outcome.faults.length > 0) throw new Error(outcome.faults.join("; "));
    appliedPlan = text;
    local = { addresses: node.addresses, underlay };
    // A new bridge has nothing of the old one's alias.
    if (outcome.changes.some(({ kind }) => kind === "bridge")) savedLastGiven = "";
    await saveLastGiven();
    await repairAttachments();
    // All is as it can be, and not as it was asked for.
    const fault = mtuFault({ ...input, families });
    if (fault !== undefined) throw new Error(fault);
  };

  let isRecovered = false;
  const run = async (): Promise<void> => {
    await inPart(readiness, "node network", async () => {
      if (!isRecovered) await recover();
      isRecovered = true;
      const node = input.ownNode();
      const underlay = await kernel.trackUnderlay(node.addresses, input.peerAddresses(), "all");
      refusal = await input.refusal(underlay.surroundings);
      learnPodCidrs(node);
      if (podCidrs.length === 0) return NOT_APPLIED;
      await applyNetwork(node, underlay);
      return undefined;
    });
  };

  return {
    run,
    saveLastGiven,
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
    mtu: () => mtu ?? DEFAULT_MTU,
    isRefused: () => refusal !== undefined,
    local: () => local && { ...local, podCidrs, formerCidrs: ipam.formerCidrs() },
  };
}

function describeHolder(hostLink: string, attachment: Attachment | undefined): string {
  return attachment === undefined ? hostLink : `${hostLink} of ${describePod(attachment)}`;
}

/** What the node's own network follows of its underlay. */
function describeLinks({ uplinks, addresses }: Underlay): string {
  return JSON.stringify([uplinks, [...addresses]]);
}
