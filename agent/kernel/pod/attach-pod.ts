import { release } from "node:os";
import { monotonicMs } from "./monotonic-ms.ts";
import type { Cidr } from "../../net/cidr.ts";
import { IFF_RUNNING } from "../../netlink/constants.ts";
import { addAltNames, deleteLink, getLink } from "../../netlink/link/link.ts";
import { joinTransaction } from "../../netlink/message/join-transaction.ts";
import type { Outcome } from "../../netlink/message/message.ts";
import { isAlreadyExists, isNotSupported, NetlinkError } from "../../netlink/message/netlink-error.ts";
import { describeLimitModules, LIMIT_FEATURES, LINK_FEATURES } from "../../plan/node/kernel-features.ts";
import type { PodPlan } from "../../plan/pods/pod-network.ts";
import { defaultRoutes, type PodRoute } from "../../plan/pods/pod-routing.ts";
import { ownTableName } from "../../plan/pods/pod-settings.ts";
import type { Attached, AttachOptions, AttachOutcome, PodSockets } from "../types.ts";
import { demandFeatures } from "../features/demand-features.ts";
import { tryFeatures } from "../features/try-features.ts";
import type { Admission } from "../nft/elements/pod-elements.ts";
import type { PodLinkKind } from "../link/ownership.ts";
import { awaitRunning } from "../socket/await-running.ts";
import type { PodBatches } from "./pod-batches.ts";
import type { PodRequestsInput } from "./pod-requests.ts";
import { addressRemovals } from "./pod-routes.ts";
import { findLink } from "../socket/read-one.ts";
import { routePod } from "./route-pod.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import type { NetlinkStep } from "../socket/send-steps.ts";

export interface AttachContext {
  readonly rtnetlink: NetlinkClient;
  readonly bridgeIndex: number;
  readonly hasIpv6: boolean;
  /** An interface index that is free, as is the one after it. */
  readonly nextLinkIndex: (kind: PodLinkKind) => number;
  readonly encodePod: (input: PodRequestsInput) => PodBatches;
  /** PodCIDRs of the cluster. */
  readonly clusterCidrs: () => readonly Cidr[];
  /** Undefined: the pod's addresses are in the guard's sets already. */
  readonly admission: Admission | undefined;
  readonly earlyReply: AttachOptions["earlyReply"];
}

/** Taken interface indices in a row that are a coincidence; beyond that something else is wrong. */
const MAX_INDEX_TRIES = 8;

/**
 * Makes one attachment in a single round trip to the thread pool. The interface index is chosen by us, so
 * that every message can name it before the kernel has made the link.
 */
export async function attachPod(
  context: AttachContext,
  plan: PodPlan,
  sockets: PodSockets,
): Promise<AttachOutcome> {
  let { admission } = context;
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryAttach({ ...context, admission }, plan, sockets);
    // Once is enough: another try is about the link only.
    admission = undefined;
    if (!(outcome instanceof NetlinkError)) return outcome;
    const existing = isAlreadyExists(outcome)
      ? await findExisting(context.rtnetlink, plan, sockets)
      : undefined;
    if (existing !== undefined) return existing;
    const isIndexTaken = outcome.code === "EBUSY" || outcome.code === "EEXIST";
    if (isIndexTaken && attempt < MAX_INDEX_TRIES) continue;
    if (isNotSupported(outcome))
      await demandFeatures(LINK_FEATURES, context.rtnetlink, "create the pod's link", outcome);
    throw outcome;
  }
}

/**
 * Runtimes name a pod's first interface so. Another one comes to a pod that has routes, of whatever metric.
 */
const FIRST_IFNAME = "eth0";

/**
 * An error that is returned left nothing behind; one that is thrown came after the link was made, which has
 * been deleted again.
 */
async function tryAttach(
  context: AttachContext,
  plan: PodPlan,
  { netns, rtnetlink: socket }: PodSockets,
): Promise<Attached | "not admitted" | NetlinkError> {
  const { rtnetlink, bridgeIndex, hasIpv6, nextLinkIndex, encodePod, admission, earlyReply } = context;
  const linkIndex = nextLinkIndex("veth");
  const podLinkIndex = linkIndex + 1;
  const hasIfb = plan.attachment.settings.bandwidth.egress !== undefined;
  const ifbIndex = hasIfb ? nextLinkIndex("ifb") : 0;
  const input = {
    plan,
    linkIndex,
    podLinkIndex,
    ifbIndex,
    bridgeIndex,
    netns,
    hasIpv6,
    bornMs: monotonicMs(),
  };
  const isAlone = plan.pod.wantsDefault === undefined && plan.pod.ifname === FIRST_IFNAME;
  const sending = [linkIndex, bridgeIndex];
  const steps = listSteps(context, encodePod(input), { socket, sending, isAlone });
  const outcomes = await rtnetlink.tryExecute(steps, isAlone ? earlyReply?.() : undefined);
  if (admission !== undefined) {
    if (firstError(outcomes.shift() ?? []) !== undefined) return "not admitted";
    admission.made();
  }
  const [created = [], hosted = [], podded = [], routed = [], ...settled] = outcomes;
  const createError = firstError(created);
  if (createError !== undefined) return createError;
  try {
    const hostError = firstError(hosted);
    if (hostError !== undefined) throw await nameModule(rtnetlink, hostError, plan);
    const error = podError(podded) ?? firstRouteError(routed) ?? firstError(settled.flat());
    if (error !== undefined) throw error;
    const isMade = (index: number): boolean =>
      isAlone && firstError(routed.slice(index * 2, index * 2 + 2)) === undefined;
    const made = await routeRest(context, { plan, linkIndex, podLinkIndex, socket, isMade });
    for (const [place, index] of sending.entries()) await awaitRunning(rtnetlink, index, settled[place]?.[0]);
    return { routes: made };
  } catch (error) {
    await rtnetlink.tryExecute([
      {
        requests: [
          ...plan.pod.addresses.flatMap(({ address }) => addressRemovals(bridgeIndex, address)),
          deleteLink(linkIndex),
          ...(hasIfb ? [deleteLink(ifbIndex)] : []),
        ],
      },
    ]);
    throw error;
  }
}

interface StepsInput {
  readonly socket: number;
  /**
   * Links that get their carrier by an ADD, in this order: the host end's makes it a port that forwards, and
   * a bridge without such a port has none (br_port_state_selection of net/bridge/br_stp.c).
   */
  readonly sending: readonly number[];
  /** Nothing else has routes in the pod. */
  readonly isAlone: boolean;
}

/** In their order, which is that of the answers. */
function listSteps(
  { admission }: Pick<AttachContext, "admission">,
  { admit, create, host, pod, routes }: PodBatches,
  { socket, sending, isAlone }: StepsInput,
): readonly NetlinkStep[] {
  const admitted =
    admission === undefined
      ? []
      : [
          {
            socket: admission.socket,
            isLent: true,
            requests: joinTransaction(admit, admission.joinedChanges),
          },
        ];
  const made = [...admitted, { requests: create }, { requests: host }, { socket, requests: pod }];
  if (!isAlone) return made;
  // A link without carrier is not ready, whatever has succeeded.
  const settle = sending.map((index) => ({ requests: [getLink(index)], wantedFlags: IFF_RUNNING }));
  return [...made, { socket, requests: routes }, ...settle];
}

interface RestInput {
  readonly plan: PodPlan;
  readonly linkIndex: number;
  readonly podLinkIndex: number;
  readonly socket: number;
  /** Whether the routes of an address, by its place in the plan, are made already. */
  readonly isMade: (index: number) => boolean;
}

/**
 * Makes the routes of addresses that have none yet, because the pod has other interfaces; gives those of all.
 */
async function routeRest(
  { rtnetlink, clusterCidrs }: AttachContext,
  { plan, linkIndex, podLinkIndex, socket, isMade }: RestInput,
): Promise<readonly PodRoute[]> {
  const { addresses, wantsDefault } = plan.pod;
  const made = addresses.filter((_address, index) => isMade(index));
  if (made.length === addresses.length) return defaultRoutes(addresses);
  const rest = addresses.filter((address) => !made.includes(address));
  const { routes, ownTables } = await routePod({
    rtnetlink,
    socket,
    podLinkIndex,
    addresses: rest,
    wantsDefault,
    clusterCidrs: clusterCidrs(),
  });
  const names = ownTables.map((family) => ownTableName(plan.host.link, family));
  if (names.length > 0) await rtnetlink.execute([{ requests: [addAltNames(linkIndex, names)] }]);
  const all = [...defaultRoutes(made), ...routes];
  return addresses.flatMap(({ family }) => all.filter(({ destination }) => destination.family === family));
}

function firstError(outcomes: readonly Outcome[]): NetlinkError | undefined {
  const failed = outcomes.find((outcome) => outcome.status === "failed");
  return failed?.error;
}

/** A kernel without a module of limits says ENOENT or EOPNOTSUPP, and before Linux 6.6 nothing else. */
async function nameModule(
  rtnetlink: NetlinkClient,
  error: NetlinkError,
  { attachment }: PodPlan,
): Promise<Error> {
  const { ingress, egress } = attachment.settings.bandwidth;
  const isLimited = ingress !== undefined || egress !== undefined;
  if (!isLimited || (error.code !== "ENOENT" && !isNotSupported(error))) return error;
  const { refused } = await tryFeatures(LIMIT_FEATURES, () => rtnetlink);
  return new Error(`${error.message}: ${describeLimitModules(release(), refused)}`, { cause: error });
}

/**
 * An address of IPv6 where net.ipv6.conf.default.disable_ipv6 is 1 in the pod's namespace is refused with no
 * more than EACCES.
 */
function podError(outcomes: readonly Outcome[]): Error | undefined {
  const error = firstError(outcomes);
  if (error?.code !== "EACCES") return error;
  const remedy = "set net.ipv6.conf.default.disable_ipv6=0 in it, or boot without ipv6.disable_ipv6=1";
  return new Error(`${error.message}: IPv6 is disabled in the pod's network namespace; ${remedy}`, {
    cause: error,
  });
}

/**
 * Of pairs of routes, to the gateway and by default. What is there already is another interface's, and no
 * error: see {@link routeRest}.
 */
function firstRouteError(outcomes: readonly Outcome[]): NetlinkError | undefined {
  for (let index = 0; index < outcomes.length; index += 2) {
    const error = firstError(outcomes.slice(index, index + 2));
    if (error !== undefined && !isAlreadyExists(error)) return error;
  }
  return undefined;
}

/** Which of the two names the kernel means by EEXIST. */
async function findExisting(
  rtnetlink: NetlinkClient,
  { host, pod }: PodPlan,
  { rtnetlink: socket }: PodSockets,
): Promise<AttachOutcome | undefined> {
  if ((await findLink(rtnetlink, host.link)) !== undefined) return "host link exists";
  return (await findLink(rtnetlink, pod.ifname, socket)) === undefined ? undefined : "pod interface exists";
}
