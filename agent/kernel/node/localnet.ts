import { setLink } from "../../netlink/link/link.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { needsLocalnet, type PortBinding } from "../../plan/pods/host-ports.ts";
import { existingLink } from "../link/change-link.ts";
import type { Change } from "../types.ts";
import { ensureLoopbackPolicies, removeLoopbackPolicies } from "./loopback-policies.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { codeOf } from "../../lib/errors.ts";

export interface LocalnetContext {
  readonly rtnetlink: NetlinkClient;
  /** The same for NETLINK_XFRM. */
  readonly xfrm: NetlinkClient;
  readonly bridge: Link;
}

export interface LocalnetOutcome {
  /** As it is then. */
  readonly bridge: Link;
  /** What was put back. */
  readonly changes: readonly Change[];
  /** Why host ports do not answer on 127.0.0.1, where they should. */
  readonly fault?: string;
}

/**
 * {@link ensureLocalnet}, one call after the other: policies must not go between another's look at them and
 * its opening of the bridge.
 */
export interface Localnet {
  ensure(...input: Parameters<typeof ensureLocalnet>): Promise<LocalnetOutcome>;
}

export function createLocalnet(): Localnet {
  let turn: Promise<unknown> = Promise.resolve();
  return {
    ensure(...input) {
      const outcome = turn.then(() => ensureLocalnet(...input));
      turn = outcome.catch(() => undefined);
      return outcome;
    },
  };
}

const NO_XFRM =
  "host ports do not answer on 127.0.0.1: this kernel has no packet policies to guard it (XFRM; module xfrm_user)";

/**
 * Lets the bridge carry what the node sends from 127.0.0.1 to a pod while a host port needs that, and not
 * after. Two guards keep pods from the node's loopback meanwhile: the ruleset's (plan/ruleset.ts), and
 * policies that are there before the bridge carries it, and go after it. A kernel without such policies
 * carries nothing. With `verify` they are looked at also when the bridge is as it should be.
 */
export async function ensureLocalnet(
  { rtnetlink, xfrm, bridge }: LocalnetContext,
  bindings: readonly PortBinding[],
  { verify }: { readonly verify: boolean },
): Promise<LocalnetOutcome> {
  const isWanted = bindings.some(({ hostPorts }) => hostPorts.some(needsLocalnet));
  const isSo = bridge.inetConf === undefined || bridge.inetConf.route_localnet === (isWanted ? 1 : 0);
  if (isSo && !verify) return { bridge, changes: [] };
  const guard = isWanted ? await guardLoopback(xfrm) : "not wanted";
  const isOn = isWanted && guard !== "unavailable";
  const changed = await setLocalnet(rtnetlink, bridge, isOn ? 1 : 0);
  if (!isWanted) await unguardLoopback(xfrm);
  const fault = "policies that keep pods from the node's loopback are missing";
  return {
    bridge: changed,
    changes: isSo && guard === "added" ? [{ kind: "loopback policy", fault }] : [],
    ...(isOn === isWanted ? {} : { fault: NO_XFRM }),
  };
}

async function guardLoopback(xfrm: NetlinkClient): Promise<"added" | "there" | "unavailable"> {
  try {
    return (await ensureLoopbackPolicies(xfrm)) ? "added" : "there";
  } catch (error) {
    if (lacksProtocol(error)) return "unavailable";
    throw error;
  }
}

/** Tells whether there was anything to remove. */
export async function unguardLoopback(xfrm: NetlinkClient): Promise<boolean> {
  try {
    return await removeLoopbackPolicies(xfrm);
  } catch (error) {
    if (lacksProtocol(error)) return false;
    throw error;
  }
}

/** What socket(2) says of a netlink protocol that the kernel does not have. */
function lacksProtocol(error: unknown): boolean {
  return codeOf(error) === "EPROTONOSUPPORT";
}

async function setLocalnet(rtnetlink: NetlinkClient, bridge: Link, value: 0 | 1): Promise<Link> {
  if (bridge.inetConf === undefined || bridge.inetConf.route_localnet === value) return bridge;
  await rtnetlink.execute([{ requests: [setLink(bridge.index, { inetConf: { route_localnet: value } })] }]);
  return existingLink(rtnetlink, bridge.name);
}
