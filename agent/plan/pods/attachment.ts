import type { PodSettings } from "./pod-settings.ts";

/** What the kernel keeps of an attachment: written into the host link's alias when it is made, read back after a restart. */
export interface Attachment {
  /** CNI network name of the conflist: GC of one network never touches another's. */
  readonly network: string;
  readonly containerId: string;
  /** Interface name in the pod. */
  readonly ifname: string;
  readonly addresses: readonly string[];
  /** `NAMESPACE/NAME` of the Kubernetes pod, where the runtime tells it: for people, nothing depends on it. */
  readonly podName?: string | undefined;
  /** Kept beside the alias, see {@link formatAltNames}. */
  readonly settings?: PodSettings;
}

/** An attachment's pod as people call it: by its name where the runtime told it, else by its container. */
export function describePod({ podName, containerId }: Pick<Attachment, "podName" | "containerId">): string {
  return podName === undefined ? `container "${containerId}"` : `pod "${podName}"`;
}

/** First word of every alias of ours; the shim looks for it before it deletes a link. */
export const ALIAS_OWNER = "causeway";

/** Longest alias that the kernel keeps: IFALIASZ of linux/if.h less the final NUL. */
export const MAX_ALIAS_LENGTH = 255;

const ALIAS_FORMAT = "1";

/** Names as Kubernetes allows them (RFC 1123): no blank can come in between. */
const POD_NAME = /^[a-z0-9.-]+\/[a-z0-9.-]+~?$/;

/** Ends a pod's name that the alias has no room for. */
const CUT = "~";

/**
 * `causeway 1 NETWORK CONTAINER_ID IFNAME ADDRESS[,ADDRESS] [NAMESPACE/POD]`. No part holds a blank: the protocol has validated them, and a name
 * that it has not is left out. With an ID of 64 characters and two addresses there is room for some 120 characters of the name.
 */
export function formatAlias(attachment: Attachment): string {
  const { network, containerId, ifname, addresses, podName = "" } = attachment;
  const alias = [ALIAS_OWNER, ALIAS_FORMAT, network, containerId, ifname, addresses.join(",")].join(" ");
  const room = MAX_ALIAS_LENGTH - alias.length - 1;
  const kept = podName.length <= room ? podName : `${podName.slice(0, room - CUT.length)}${CUT}`;
  return POD_NAME.test(kept) ? `${alias} ${kept}` : alias;
}

/** The attachment that an alias tells of, or undefined when the alias is not one of ours. */
export function parseAlias(alias: string): Attachment | undefined {
  const [owner, format, network, containerId, ifname, addresses, podName, ...rest] = alias.split(" ");
  if (owner !== ALIAS_OWNER || format !== ALIAS_FORMAT || rest.length > 0) return undefined;
  if (!network || !containerId || !ifname || !addresses) return undefined;
  const attachment = { network, containerId, ifname, addresses: addresses.split(",") };
  if (podName === undefined) return attachment;
  return POD_NAME.test(podName) ? { ...attachment, podName } : undefined;
}
