import type { PodSettings } from "./pod-settings.ts";

/** What the kernel keeps of an attachment: written into the host link's alias when it is made, read back after a restart. */
export interface Attachment {
  /** CNI network name of the conflist: GC of one network never touches another's. */
  readonly network: string;
  readonly containerId: string;
  /** Interface name in the pod. */
  readonly ifname: string;
  readonly addresses: readonly string[];
  /** Kept beside the alias, see {@link formatAltNames}. */
  readonly settings?: PodSettings;
}

/** First word of every alias of ours; the shim looks for it before it deletes a link. */
export const ALIAS_OWNER = "causeway";

/** Longest alias that the kernel keeps: IFALIASZ of linux/if.h less the final NUL. */
export const MAX_ALIAS_LENGTH = 255;

const ALIAS_FORMAT = "1";

/** `causeway 1 NETWORK CONTAINER_ID IFNAME ADDRESS[,ADDRESS]`. No part holds a blank: the protocol has validated them. */
export function formatAlias(attachment: Attachment): string {
  const { network, containerId, ifname, addresses } = attachment;
  return [ALIAS_OWNER, ALIAS_FORMAT, network, containerId, ifname, addresses.join(",")].join(" ");
}

/** The attachment that an alias tells of, or undefined when the alias is not one of ours. */
export function parseAlias(alias: string): Attachment | undefined {
  const [owner, format, network, containerId, ifname, addresses, ...rest] = alias.split(" ");
  if (owner !== ALIAS_OWNER || format !== ALIAS_FORMAT || rest.length > 0) return undefined;
  if (!network || !containerId || !ifname || !addresses) return undefined;
  return { network, containerId, ifname, addresses: addresses.split(",") };
}
