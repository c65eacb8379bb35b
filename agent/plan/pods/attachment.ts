import { CUT, formatPodName, parsePodName, type PodIdentity, readIdentity } from "./names/pod-identity.ts";
import { NO_SETTINGS, parseAltNames, type PodSettings } from "./pod-settings.ts";

/**
 * What the kernel keeps of an attachment: written into the host link's alias and names when it is made, read
 * back after a restart.
 */
export interface Attachment {
  /** CNI network name of the conflist: GC of one network never touches another's. */
  readonly network: string;
  readonly containerId: string;
  /** Interface name in the pod. */
  readonly ifname: string;
  readonly addresses: readonly string[];
  /**
   * Undefined: the runtime did not pass one. Kept beside the alias where that has no room, see {@link
   * readIdentity}.
   */
  readonly pod?: PodIdentity | undefined;
  /** Kept beside the alias, see {@link formatAltNames}. */
  readonly settings?: PodSettings;
}

/** An attachment's pod as people call it: by its name where the runtime told it, else by its container. */
export function describePod({ pod, containerId }: Pick<Attachment, "pod" | "containerId">): string {
  return pod === undefined ? `container "${containerId}"` : `pod "${formatPodName(pod)}"`;
}

/** First word of every alias of ours; the shim looks for it before it deletes a link. */
export const ALIAS_OWNER = "causeway";

/** Longest alias that the kernel keeps: IFALIASZ of linux/if.h less the final NUL. */
export const MAX_ALIAS_LENGTH = 255;

const ALIAS_FORMAT = "1";

/**
 * `causeway 1 NETWORK CONTAINER_ID IFNAME ADDRESS[,ADDRESS] [NAMESPACE/POD]`. No part holds a blank: the
 * protocol has validated them. With an ID of 64 characters and two addresses there is room for some 120
 * characters of the pod's name, which is cut behind that; its whole is then in alternative names (see {@link
 * hasRoomForName}). The UID never is in the alias: agents of former releases take one with another word for
 * foreign.
 */
export function formatAlias(attachment: Attachment): string {
  const { network, containerId, ifname, addresses, pod } = attachment;
  const alias = [ALIAS_OWNER, ALIAS_FORMAT, network, containerId, ifname, addresses.join(",")].join(" ");
  if (pod === undefined) return alias;
  const podName = formatPodName(pod);
  const room = MAX_ALIAS_LENGTH - alias.length - 1;
  const kept = podName.length <= room ? podName : `${podName.slice(0, room - CUT.length)}${CUT}`;
  return parsePodName(kept) === undefined ? alias : `${alias} ${kept}`;
}

/** Of an IPv4 and an IPv6 address, with what stands between them. */
const MAX_ADDRESSES_LENGTH = "255.255.255.255,".length + 39;

/** Characters that a network's name may have, so that an alias of {@link formatAlias} holds all but the pod's. */
export function roomForNetwork({ containerId, ifname }: Pick<Attachment, "containerId" | "ifname">): number {
  const others = [ALIAS_OWNER, ALIAS_FORMAT, "", containerId, ifname, ""].join(" ");
  return MAX_ALIAS_LENGTH - MAX_ADDRESSES_LENGTH - others.length;
}

/** Whether an alias of {@link formatAlias} holds the whole name of its pod. */
export function hasRoomForName(alias: string, pod: PodIdentity): boolean {
  return alias.endsWith(` ${formatPodName(pod)}`);
}

/**
 * The attachment of an alias, without what alternative names hold; undefined when the alias is not one of
 * ours.
 */
export function parseAlias(alias: string): Attachment | undefined {
  const [owner, format, network, containerId, ifname, addresses, podName, ...rest] = alias.split(" ");
  if (owner !== ALIAS_OWNER || format !== ALIAS_FORMAT || rest.length > 0) return undefined;
  if (!network || !containerId || !ifname || !addresses) return undefined;
  const attachment = { network, containerId, ifname, addresses: addresses.split(",") };
  if (podName === undefined) return attachment;
  const pod = parsePodName(podName);
  return pod === undefined ? undefined : { ...attachment, pod };
}

/** A link as far as it says what it is attached to. */
export interface AttachedLink {
  readonly name: string;
  readonly alias?: string | undefined;
  readonly altNames: readonly string[];
}

/**
 * The attachment of a host link, from its alias and its alternative names; undefined for one that is half
 * made, or foreign.
 */
export function parseAttachment({ name, alias, altNames }: AttachedLink): Attachment | undefined {
  const attachment = alias === undefined ? undefined : parseAlias(alias);
  if (attachment === undefined) return undefined;
  const pod = readIdentity(name, attachment.pod, altNames);
  const settings = parseAltNames(name, altNames);
  return {
    ...attachment,
    ...(pod === undefined ? {} : { pod }),
    ...(settings === NO_SETTINGS ? {} : { settings }),
  };
}
