import { parseBirthName } from "../../plan/pods/names/birth-name.ts";
import { monotonicMs } from "./monotonic-ms.ts";
import { dumpNeighbours, parseNeighbourAge } from "../../netlink/route/neighbour.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { parseAttachment } from "../../plan/pods/attachment.ts";
import { otherEndMac } from "../../plan/pods/pod-network.ts";
import type { ObservedAttachment, PodLink } from "../types.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/** The attachment of a host link; undefined for one that is half made. */
export function attachmentOf(link: Link): ObservedAttachment | undefined {
  const attachment = parseAttachment(link);
  return attachment && { hostLink: link.name, ...attachment, mac: link.mac && otherEndMac(link.mac) };
}

/**
 * Attachments with the state of their host links, and their age by their birth names. Agents of former
 * releases gave none: then the pod is at least as old as the bridge's permanent neighbours for it, of which
 * any may have been put back.
 */
export async function listPodLinks(
  rtnetlink: NetlinkClient,
  hostLinks: readonly Link[],
): Promise<readonly PodLink[]> {
  const ages = new Map<string, number>();
  const bridges = new Set(hostLinks.flatMap(({ masterIndex }) => masterIndex ?? []));
  for (const linkIndex of bridges) {
    for (const payload of await rtnetlink.dump(dumpNeighbours({ linkIndex }))) {
      const aged = parseNeighbourAge(payload);
      if (aged !== undefined) ages.set(aged.address, aged.ageMs);
    }
  }
  const nowMs = monotonicMs();
  return hostLinks.flatMap((link) => {
    const attachment = attachmentOf(link);
    if (attachment === undefined) return [];
    const bornMs = parseBirthName(link.name, link.altNames);
    const known = attachment.addresses.flatMap((address) => ages.get(address) ?? []);
    const leastMs = known.length === 0 ? undefined : Math.max(...known);
    const age = bornMs === undefined ? { ageMs: leastMs, isAtLeast: true } : { ageMs: nowMs - bornMs };
    return [{ ...attachment, mtu: link.mtu, isUp: link.up && link.lowerUp, ...age }];
  });
}
