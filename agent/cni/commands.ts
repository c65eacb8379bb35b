import type { Attachments } from "../ipam/attachments.ts";
import type { Ipam, PodAddress, PoolUse, Reservation } from "../ipam/ipam.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { hostLinkName } from "../net/host-link.ts";
import { BRIDGE_MAC } from "../plan/node-network.ts";
import { type PodPlan, planPodNetwork } from "../plan/pod-network.ts";
import type { Readiness } from "../readiness.ts";
import { CNI_CODE, CniError } from "./cni-error.ts";
import { createKeyedLock } from "./keyed-lock.ts";
import { SUPPORTED_VERSIONS } from "./network-config.ts";
import type { CniRequest } from "./request.ts";
import { formatResult } from "./result.ts";

/** What the commands need of the rest of the agent. */
export interface CommandsContext {
  readonly kernel: Pick<Kernel, "attachPod" | "detachPod">;
  readonly ipam: Pick<Ipam, "reserve" | "release" | "use">;
  readonly attachments: Pick<Attachments, "get" | "add" | "remove">;
  readonly readiness: Pick<Readiness, "reasons">;
  readonly bridge: string;
  /** MTU of pods, which follows the uplink's. */
  readonly mtu: () => number;
  readonly nowMs: () => number;
}

/** Serves one CNI request and answers what the shim prints; throws CniError. An aborted signal means that the runtime gave up. */
export type Commands = (request: CniRequest, signal: AbortSignal) => Promise<string>;

type Add = Extract<CniRequest, { command: "ADD" }>;
type Del = Extract<CniRequest, { command: "DEL" }>;

export function createCommands(context: CommandsContext): Commands {
  // A runtime that gave up on an ADD sends DEL at once, and kubelets send several DELs: order per container is what makes the last
  // word the DEL's.
  const containers = createKeyedLock();
  return async (request, signal) => {
    switch (request.command) {
      case "ADD":
        return containers.run(request.containerId, () => add(context, request, signal));
      case "DEL":
        return containers.run(request.containerId, () => del(context, request));
      case "STATUS":
        return status(context, request);
      case "VERSION":
        return `${JSON.stringify({ cniVersion: SUPPORTED_VERSIONS.at(-1), supportedVersions: SUPPORTED_VERSIONS })}\n`;
    }
  };
}

async function add(context: CommandsContext, request: Add, signal: AbortSignal): Promise<string> {
  const { kernel, ipam, attachments, bridge, mtu, nowMs } = context;
  const { containerId, ifname, netns, config } = request;
  throwIfGone(request, signal);
  const hostLink = hostLinkName(containerId, ifname);
  if (attachments.get(hostLink) !== undefined) {
    throw interfaceExists(request, `container has it through host link "${hostLink}"`);
  }
  const addresses = reserve(ipam);
  const plan = planPodNetwork({ network: config.name, containerId, ifname, mtu: mtu(), addresses });
  const release = (): void =>
    ipam.release(
      plan.pod.addresses.map(({ address }) => address),
      nowMs(),
    );
  try {
    await attach(kernel, plan, request);
  } catch (error) {
    release();
    throw error;
  }
  attachments.add(hostLink, {
    network: config.name,
    containerId,
    ifname,
    addresses: addresses.map(({ address }) => address),
  });
  if (signal.aborted) {
    await kernel.detachPod(hostLink);
    attachments.remove(hostLink, nowMs());
    throwIfGone(request, signal);
  }
  return formatResult(
    { plan, bridge: { name: bridge, mac: BRIDGE_MAC }, netns, dns: config.dns },
    config.cniVersion,
  );
}

async function attach(kernel: CommandsContext["kernel"], plan: PodPlan, request: Add): Promise<void> {
  const outcome = await kernel.attachPod(plan, request.fds);
  switch (outcome) {
    case "attached":
      return;
    case "pod interface exists":
      throw interfaceExists(request, `network namespace "${request.netns}" has one of that name`);
    case "host link exists":
      throw interfaceExists(request, `host link "${plan.host.link}" is there already`);
  }
}

async function del({ kernel, attachments, nowMs }: CommandsContext, request: Del): Promise<string> {
  const hostLink = hostLinkName(request.containerId, request.ifname);
  await kernel.detachPod(hostLink, attachments.get(hostLink)?.addresses);
  // Only now: an address whose link still exists must not be given to another pod.
  attachments.remove(hostLink, nowMs());
  return "";
}

function status(
  { readiness, ipam, nowMs }: CommandsContext,
  { config }: Extract<CniRequest, { command: "STATUS" }>,
): string {
  if (config.cniVersion !== "1.1.0") {
    const message = `Cannot serve STATUS: cniVersion "${config.cniVersion}" does not have it, 1.1.0 has`;
    throw new CniError(CNI_CODE.incompatibleVersion, message);
  }
  const reasons = readiness.reasons().map(({ reason }) => reason);
  const exhausted = exhaustedFamily(ipam.use(nowMs()));
  if (exhausted !== undefined) reasons.push(`all addresses are taken: ${describePools(exhausted)}`);
  if (reasons.length > 0)
    throw new CniError(CNI_CODE.notAvailable, `Node network is not ready: ${reasons.join("; ")}`);
  return "";
}

/** The pools of the first family that has no address left. */
function exhaustedFamily(use: readonly PoolUse[]): readonly PoolUse[] | undefined {
  for (const family of [4, 6] as const) {
    const pools = use.filter((pool) => pool.family === family);
    if (pools.length > 0 && pools.every((pool) => pool.taken >= pool.size)) return pools;
  }
  return undefined;
}

function reserve(ipam: CommandsContext["ipam"]): readonly PodAddress[] {
  const reservation: Reservation = ipam.reserve();
  switch (reservation.outcome) {
    case "reserved":
      return reservation.addresses;
    case "exhausted":
      throw new CniError(
        CNI_CODE.poolExhausted,
        `Cannot reserve an IPv${reservation.family} address: all are taken (${describePools(reservation.pools)})`,
      );
    case "no pool":
      throw new CniError(CNI_CODE.tryAgainLater, "Cannot reserve an address: the node has no PodCIDR yet");
  }
}

function describePools(pools: readonly PoolUse[]): string {
  return pools.map(({ cidr, size, taken }) => `${cidr}: ${taken} of ${size} taken`).join(", ");
}

function interfaceExists({ ifname, containerId }: Add, cause: string): CniError {
  const message = `Cannot add interface "${ifname}" to container "${containerId}": ${cause}`;
  return new CniError(CNI_CODE.interfaceExists, message);
}

function throwIfGone({ containerId, ifname }: Add, signal: AbortSignal): void {
  if (!signal.aborted) return;
  const message = `Cannot add interface "${ifname}" to container "${containerId}": the runtime closed the connection`;
  throw new CniError(CNI_CODE.tryAgainLater, message);
}
