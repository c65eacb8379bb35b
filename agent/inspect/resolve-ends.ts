import { parseTarget, type Target } from "../diagnosis/target.ts";
import type { NetlinkClient } from "../kernel/socket/netlink-client.ts";
import { type Family, familyOf, parseAddress } from "../net/address.ts";
import { parseAttachment } from "../plan/pods/attachment.ts";
import { CUT, formatPodName } from "../plan/pods/names/pod-identity.ts";
import { observeDatapath } from "../kernel/read/observe-datapath.ts";
import { parseNamedTarget, resolveHost } from "./resolve-host.ts";

/** Both ends of a way as addresses of one family. */
export interface Ends {
  readonly source: string;
  readonly target: Target;
}

/** `NAMESPACE/NAME`, and for a target `:PORT[/PROTOCOL]`. */
const POD = /^([a-z0-9-]+\/[a-z0-9.-]+)(:.+)?$/;

/**
 * Reads both ends; pods of this node also by name, targets also as URL or host name, in the family of the
 * other end. Gives what is wrong as text.
 */
export async function resolveEnds(
  rtnetlink: NetlinkClient,
  sourceText: string,
  targetText: string,
): Promise<Ends | string> {
  const given = parseTarget(targetText);
  const named = given === undefined ? parseNamedTarget(targetText) : undefined;
  const hosts = named === undefined ? [] : await resolveHost(named);
  if (typeof hosts === "string") return hosts;
  const source = parseAddress(sourceText);
  const [, sourcePod, sourceRest] = POD.exec(sourceText) ?? [];
  const [, targetPod, portText = ""] = POD.exec(targetText) ?? [];
  if (source === undefined && (sourcePod === undefined || sourceRest !== undefined))
    return `POD "${sourceText}" is neither an address nor NAMESPACE/NAME`;
  if (given === undefined && named === undefined && targetPod === undefined)
    return `TARGET "${targetText}" is not an address, host name, URL or NAMESPACE/NAME`;
  const pods = await listNamedPods(rtnetlink);
  const sources = source === undefined ? pods(sourcePod ?? "") : [source];
  if (sources.length === 0) return `no pod on this node is named "${sourcePod}"`;
  const targets =
    given === undefined && named === undefined
      ? pods(targetPod ?? "").flatMap((address) => parseTarget(withPort(address, portText)) ?? [])
      : [...hosts, ...(given === undefined ? [] : [given])];
  if (targets.length === 0)
    return targetPod === undefined || pods(targetPod).length > 0
      ? `TARGET "${targetText}" has no valid port`
      : `no pod on this node is named "${targetPod}": use the address for a pod on another node`;
  const family = ([4, 6] as const).find(
    (each) => sources.some(isOf(each)) && targets.some(({ address }) => isOf(each)(address)),
  );
  const from = sources.find((address) => familyOf(address) === family);
  const target = targets.find(({ address }) => familyOf(address) === family);
  if (from === undefined || target === undefined)
    return `${sourceText} and ${targetText} are of different address families`;
  return { source: from, target };
}

function withPort(address: string, portText: string): string {
  return portText === "" || familyOf(address) === 4 ? `${address}${portText}` : `[${address}]${portText}`;
}

function isOf(family: Family): (address: string) => boolean {
  return (address) => familyOf(address) === family;
}

/**
 * Addresses by pods' names, those of the newest link first. Links of former releases may have kept the
 * beginning of a long name only.
 */
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
