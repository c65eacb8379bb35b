import { dumpNeighbours, parseNeighbourAge } from "../../netlink/route/neighbour.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { parseAlias } from "../../plan/pods/attachment.ts";
import { otherEndMac } from "../../plan/pods/pod-network.ts";
import { parseAltNames } from "../../plan/pods/pod-settings.ts";
import type { ObservedAttachment, PodLink } from "../kernel.ts";
import type { Rtnetlink } from "../socket/rtnetlink.ts";

/** The attachment of a host link; undefined for one that is half made. */
export function attachmentOf({ name, alias, altNames, mac }: Link): ObservedAttachment | undefined {
  const attachment = alias === undefined ? undefined : parseAlias(alias);
  if (attachment === undefined) return undefined;
  const settings = altNames.length === 0 ? {} : { settings: parseAltNames(name, altNames) };
  return { hostLink: name, ...attachment, ...settings, mac: mac && otherEndMac(mac) };
}

/**
 * Attachments with the state of their host links. A link has no time of creation, but the bridge's permanent neighbours for the pod have: of two,
 * the older one, since the other may have been put back.
 */
export async function listPodLinks(
  rtnetlink: Rtnetlink,
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
  return hostLinks.flatMap((link) => {
    const attachment = attachmentOf(link);
    if (attachment === undefined) return [];
    const known = attachment.addresses.flatMap((address) => ages.get(address) ?? []);
    const ageMs = known.length === 0 ? undefined : Math.max(...known);
    return [{ ...attachment, mtu: link.mtu, isUp: link.up && link.lowerUp, ageMs }];
  });
}
