import { cidrOf } from "../../net/cidr.ts";
import {
  addInboundBlock,
  deleteInboundBlock,
  dumpPolicies,
  type InboundBlock,
  isInboundBlock,
} from "../../netlink/state/xfrm.ts";
import { removeAll } from "../socket/remove-all.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/** By it, and by their shape, policies are known as ours: "cw" in ASCII, as our link group. */
const PRIORITY = 0x6377;

const LOOPBACK = cidrOf("127.0.0.0", 8);
const ANYWHERE = cidrOf("0.0.0.0", 0);

/**
 * The node's loopback and others, once more: what comes through a link to 127.0.0.0/8 or from it does not
 * reach the node. The ruleset says the same of pods, but anybody may flush that, and the agent may be away;
 * these are policies of XFRM, which no flush of nftables takes. The kernel compares the addresses that
 * packets had before they were translated, and asks nothing about its own loopback link: so answers to what
 * the node itself has asked from 127.0.0.1 pass, and whatever somebody translates to it on purpose. A policy
 * cannot name a link: with one, the kernel never finds it.
 */
const POLICIES: readonly InboundBlock[] = [
  { source: ANYWHERE, destination: LOOPBACK, priority: PRIORITY },
  { source: LOOPBACK, destination: ANYWHERE, priority: PRIORITY },
];

async function listPolicies(xfrm: NetlinkClient): Promise<readonly InboundBlock[]> {
  const payloads = await xfrm.dump(dumpPolicies());
  return POLICIES.filter((policy) => payloads.some((payload) => isInboundBlock(payload, policy)));
}

/** Adds what is missing; tells whether anything was. */
export async function ensureLoopbackPolicies(xfrm: NetlinkClient): Promise<boolean> {
  const found = await listPolicies(xfrm);
  const missing = POLICIES.filter((policy) => !found.includes(policy));
  if (missing.length > 0) await xfrm.execute([{ requests: missing.map(addInboundBlock) }]);
  return missing.length > 0;
}

/** Tells whether there were any. */
export async function removeLoopbackPolicies(xfrm: NetlinkClient): Promise<boolean> {
  const found = await listPolicies(xfrm);
  await removeAll(xfrm, found.map(deleteInboundBlock));
  return found.length > 0;
}
