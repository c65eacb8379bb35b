import { parseTarget, type Target } from "../diagnosis/target.ts";
import type { NetlinkClient } from "../kernel/socket/netlink-client.ts";
import { type Family, familyOf, parseAddress } from "../net/address.ts";
import { parseAttachment } from "../plan/pods/attachment.ts";
import { CUT, formatPodName } from "../plan/pods/names/pod-identity.ts";
import { observeDatapath } from "./observe/observe-datapath.ts";

/** Both ends of a way as addresses of one family. */
export interface Ends {
  readonly source: string;
  readonly target: Target;
}

/** `NAMESPACE/NAME`, and for a target `:PORT[/PROTOCOL]`. */
const POD = /^([a-z0-9-]+\/[a-z0-9.-]+)(:.+)?$/;

/** Reads both ends; pods of this node also by name, in the family of the other end. Gives what is wrong as text. */
export async function resolveEnds(
  rtnetlink: NetlinkClient,
  sourceText: string,
  targetText: string,
): Promise<Ends | string> {
  const target = parseTarget(targetText);
  const source = parseAddress(sourceText);
  const [, sourcePod, sourceRest] = POD.exec(sourceText) ?? [];
  const [, targetPod, portText = ""] = POD.exec(targetText) ?? [];
  if (source === undefined && (sourcePod === undefined || sourceRest !== undefined))
    return `POD "${sourceText}" is neither an address nor NAMESPACE/NAME`;
  if (target === undefined && targetPod === undefined)
    return `TARGET "${targetText}" is neither an address nor NAMESPACE/NAME`;
  const pods = await listNamedPods(rtnetlink);
  const sources = source === undefined ? pods(sourcePod ?? "") : [source];
  if (sources.length === 0) return `no pod of this node is called "${sourcePod}"`;
  const targets = target === undefined ? pods(targetPod ?? "") : [target.address];
  if (targets.length === 0)
    return `no pod of this node is called "${targetPod}": one of another node goes by its address`;
  const family = ([4, 6] as const).find((each) => hasFamily(sources, each) && hasFamily(targets, each));
  const from = sources.find((address) => familyOf(address) === family);
  const to = targets.find((address) => familyOf(address) === family);
  if (from === undefined || to === undefined)
    return `${sourceText} and ${targetText} are of different families`;
  const found =
    target ?? parseTarget(portText === "" || to.includes(".") ? `${to}${portText}` : `[${to}]${portText}`);
  if (found === undefined) return `TARGET "${targetText}" has no valid port`;
  return { source: from, target: found };
}

function hasFamily(addresses: readonly string[], family: Family): boolean {
  return addresses.some((address) => familyOf(address) === family);
}

/** Addresses by pods' names, those of the newest link first. Links of former releases may have kept the beginning of a long name only. */
async function listNamedPods(rtnetlink: NetlinkClient): Promise<(podName: string) => readonly string[]> {
  const { hostLinks } = await observeDatapath(rtnetlink);
  const attachments = hostLinks
    .toSorted((one, other) => other.index - one.index)
    .flatMap((link) => parseAttachment(link) ?? []);
  return (asked) =>
    attachments.flatMap(({ pod, addresses }) => {
      const podName = pod === undefined ? "" : formatPodName(pod);
      const isCut = podName.endsWith(CUT) && asked.startsWith(podName.slice(0, -CUT.length));
      return podName === asked || isCut ? addresses : [];
    });
}
