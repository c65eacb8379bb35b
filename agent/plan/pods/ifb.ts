import { HOST_LINK_PREFIX } from "../../net/host-link.ts";

/** Begins the name of every ifb of ours. */
export const IFB_PREFIX = "ci";

/** Name of the ifb that limits what comes in through a host link: what its pod sends. */
export function ifbName(hostLink: string): string {
  return `${IFB_PREFIX}${hostLink.slice(HOST_LINK_PREFIX.length)}`;
}
