import type { Join } from "../../kernel/policy/policy-kernel.ts";
import type { AttachOptions, EarlyReply } from "../../kernel/types.ts";
import type { PodAddress, PoolUse, Reservation } from "../../ipam/ipam.ts";
import { hostLinkName } from "../../net/host-link.ts";
import { familyOf } from "../../net/address.ts";
import { formatCidr } from "../../net/cidr.ts";
import { describeHostPort, type HostPort, isAnyAddress } from "../../plan/pods/host-ports.ts";
import { findHidden } from "../../plan/node/node-listeners.ts";
import { describePod } from "../../plan/pods/attachment.ts";
import { BRIDGE_MAC } from "../../net/host-link.ts";
import { type PodPlan, planPodNetwork } from "../../plan/pods/pod-network.ts";
import { defaultRoutes, type PodRoute } from "../../plan/pods/pod-routing.ts";
import type { PodSettings } from "../../plan/pods/pod-settings.ts";
import { CNI_CODE, CniError } from "../cni-error.ts";
import type { Caller, CommandsContext, RequestOf } from "./context.ts";
import { detach } from "./del.ts";
import { prevResultOf } from "./prev-result.ts";
import { formatResult } from "./result.ts";
import { createJoinable } from "./joinable.ts";
import { ANY_SOURCE_ANNOTATION } from "../request/runtime-config.ts";
import { requireFreeMac } from "./require-free-mac.ts";

type Add = RequestOf<"ADD">;

export interface AddCaller extends Caller {
  /** No other ADD is in work. */
  isAlone(): boolean;
}

/**
 * Reserve, plan, attach, answer. What a failure leaves is undone before it is told; a runtime that has gone
 * gets its pod rolled back.
 */
export async function add(context: CommandsContext, request: Add, caller: AddCaller): Promise<string> {
  const { kernel, ipam, hostPorts, attachments, policies, bridge, mtu, nowMs } = context;
  const { containerId, ifname, netns, config, runtimeConfig } = request;
  if (caller.isGone()) throw givenUp(request);
  const prevResult = prevResultOf(config);
  const hostLink = hostLinkName(containerId, ifname);
  if (attachments.get(hostLink) !== undefined) {
    throw interfaceExists(request, `container has it through host link "${hostLink}"`);
  }
  const pod = reserve(ipam.reserve(runtimeConfig.addresses));
  const addresses = pod.map(({ address }) => address);
  const network = config.name;
  const settings = grantSettings(context, request);
  const plan = planPodNetwork({
    network,
    containerId,
    ifname,
    hostLink,
    mtu: mtu(),
    ...runtimeConfig,
    settings,
    addresses: pod,
  });
  const host = { name: bridge, mac: BRIDGE_MAC };
  const format = (made: readonly PodRoute[]): string =>
    formatResult({ plan, routes: made, bridge: host, netns, dns: config.dns, prevResult }, config.cniVersion);
  let early = "";
  const earlyReply = (): EarlyReply | undefined => {
    early = format(defaultRoutes(plan.pod.addresses));
    return caller.earlyReply(early);
  };
  // A failure deletes the link again, which nobody may take for a pod meanwhile.
  const attached = createJoinable((joinedChanges) =>
    attachments.changing(hostLink, () => attach(context, plan, request, { earlyReply, joinedChanges })),
  );
  let routes: readonly PodRoute[];
  try {
    if (runtimeConfig.mac !== undefined) await requireFreeMac(context, runtimeConfig.mac, addresses);
    requireFamilies(settings.hostPorts, pod);
    if (settings.hostPorts.length > 0) await requireUnhidden(kernel, settings.hostPorts, pod);
    reservePorts(context, hostLink, settings.hostPorts);
    // Among others it would hold up what policies say of those, which have a transaction for all of them.
    await admit(context, plan, request, caller.isAlone() ? attached.join : undefined);
    routes = await attached.end();
  } catch (error) {
    // Of a pod that was refused the kernel has nothing, or nothing that lasts: the first error is the one to
    // tell.
    await policies.release(hostLink).catch(() => undefined);
    ipam.release(addresses, nowMs());
    hostPorts.release(hostLink);
    throw error;
  }
  attachments.add(hostLink, plan.attachment);
  if (caller.isGone()) {
    await detach(context, hostLink);
    throw givenUp(request);
  }
  return caller.isAnswered() ? early : format(routes);
}

/** What was asked for, less what only the operator can allow. */
function grantSettings(
  { allowSourceSpoofing, onIgnoredSetting }: CommandsContext,
  { containerId, runtimeConfig: { settings, pod } }: Add,
): PodSettings {
  if (!settings.anySource || allowSourceSpoofing) return settings;
  const cause = "allowSourceSpoofing is false";
  onIgnoredSetting(
    `Annotation "${ANY_SOURCE_ANNOTATION}" of ${describePod({ pod, containerId })} is ignored: ${cause}`,
  );
  return { ...settings, anySource: false };
}

/** Sees to it that policies hold for the pod before it can send. */
async function admit(
  { policies }: CommandsContext,
  { host, attachment }: PodPlan,
  request: Add,
  join: Join | undefined,
): Promise<void> {
  const refusal = await policies.admit(host.link, attachment, join);
  if (refusal === undefined) return;
  const message = `Cannot add interface "${request.ifname}" to ${podOf(request)}: ${refusal}`;
  throw new CniError(CNI_CODE.tryAgainLater, message);
}

/** Gives the routes that were made; undefined where the joined changes were refused. */
async function attach(
  { kernel, clusterCidrs }: CommandsContext,
  plan: PodPlan,
  request: Add,
  options: AttachOptions,
): Promise<readonly PodRoute[] | undefined> {
  const outcome = await kernel.attachPod(plan, request.fds, clusterCidrs, options);
  switch (outcome) {
    case "not admitted":
      return undefined;
    case "pod interface exists":
      throw interfaceExists(
        request,
        `network namespace "${request.netns}" already has an interface of that name`,
      );
    case "host link exists":
      throw interfaceExists(request, `host link "${plan.host.link}" already exists`);
    default:
      return outcome.routes;
  }
}

function reserve(reservation: Reservation): readonly PodAddress[] {
  switch (reservation.outcome) {
    case "reserved":
      return reservation.addresses;
    case "exhausted": {
      const pools = describePools(reservation.pools);
      const message = `Cannot reserve an IPv${reservation.family} address: all are in use (${pools})`;
      throw new CniError(CNI_CODE.poolExhausted, message);
    }
    case "no pool":
      throw new CniError(CNI_CODE.tryAgainLater, "Cannot reserve an address: the node has no PodCIDR yet");
    case "taken": {
      const message = `Cannot reserve address ${reservation.address}: it is in use by another pod or by the node`;
      throw new CniError(CNI_CODE.poolExhausted, message);
    }
    case "outside": {
      const podCidrs = reservation.podCidrs.map(formatCidr).join(", ");
      const message = `Cannot reserve address ${reservation.address}: it is outside this node's PodCIDRs (${podCidrs})`;
      throw new CniError(CNI_CODE.invalidConfig, message);
    }
  }
}

/** A port of one address needs a pod address of its family to lead to. */
function requireFamilies(hostPorts: readonly HostPort[], pod: readonly PodAddress[]): void {
  for (const port of hostPorts) {
    const { hostIp } = port;
    if (hostIp === undefined || isAnyAddress(hostIp)) continue;
    if (pod.some(({ address }) => familyOf(address) === familyOf(hostIp))) continue;
    const cause = `the pod has no IPv${familyOf(hostIp)} address`;
    throw new CniError(CNI_CODE.invalidConfig, `Cannot map host port ${describeHostPort(port)}: ${cause}`);
  }
}

/**
 * A pod must not hide the kubelet, the agent, or whatever else of the node listens: that would be deaf, and
 * the pod be asked in its place.
 */
async function requireUnhidden(
  kernel: CommandsContext["kernel"],
  hostPorts: readonly HostPort[],
  pod: readonly PodAddress[],
): Promise<void> {
  const families = pod.map(({ family }) => family);
  for (const [protocol, ports] of Map.groupBy(hostPorts, (port) => port.protocol)) {
    const listeners = await kernel.listListeners(protocol);
    for (const port of ports) {
      const hidden = findHidden(port, listeners, families);
      if (hidden === undefined) continue;
      const place = describeHostPort({ ...port, hostIp: hidden.address });
      throw new CniError(
        CNI_CODE.invalidConfig,
        `Cannot map host port ${describeHostPort(port)}: a process on the node already listens on ${place}`,
      );
    }
  }
}

function reservePorts(
  { hostPorts: table, attachments }: CommandsContext,
  hostLink: string,
  hostPorts: readonly HostPort[],
): void {
  const conflict = table.reserve(hostLink, hostPorts);
  if (conflict === undefined) return;
  const owner = attachments.get(conflict.hostLink);
  const whose = owner === undefined ? `host link "${conflict.hostLink}"` : describePod(owner);
  throw new CniError(
    CNI_CODE.tryAgainLater,
    `Cannot reserve host port ${conflict.port}: it is in use by ${whose}`,
  );
}

export function describePools(pools: readonly PoolUse[]): string {
  return pools.map(describePool).join(", ");
}

function describePool({ cidr, family, size, taken }: PoolUse): string {
  if (size > 0) return `${cidr}: ${taken} of ${size} taken`;
  return `${cidr} is too small: the longest PodCIDR with an address for a pod is a /${family === 4 ? 30 : 126}`;
}

function podOf({ containerId, runtimeConfig: { pod } }: Add): string {
  return describePod({ pod, containerId });
}

function interfaceExists(request: Add, cause: string): CniError {
  const message = `Cannot add interface "${request.ifname}" to ${podOf(request)}: ${cause}`;
  return new CniError(CNI_CODE.interfaceExists, message);
}

function givenUp(request: Add): CniError {
  const message = `Cannot add interface "${request.ifname}" to ${podOf(request)}: the runtime closed the connection`;
  return new CniError(CNI_CODE.tryAgainLater, message);
}
