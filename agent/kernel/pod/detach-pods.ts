import { THREADS } from "../../native/threads.ts";
import { linkLocalOf } from "../../net/mac.ts";
import type { NetlinkRequest } from "../../netlink/message/message.ts";
import { deleteNeighbour } from "../../netlink/route/neighbour.ts";
import { type Link, type LinkIdentity, parseLink, parseLinkIdentity } from "../../netlink/link/parse-link.ts";
import { type Attachment, parseAlias } from "../../plan/pods/attachment.ts";
import { ifbName } from "../../plan/pods/ifb.ts";
import { otherEndMac } from "../../plan/pods/pod-network.ts";
import { parseAltNames } from "../../plan/pods/pod-settings.ts";
import { FIRST_DELETION_GROUP, isOurs } from "../link/ownership.ts";
import { deleteLinks } from "../link/delete-links.ts";
import { addressRemovals } from "./pod-routes.ts";
import { findLinks } from "../socket/read-one.ts";
import { removeAll } from "../socket/remove-all.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

export type DetachOutcome = "detached" | "gone";

/**
 * Deletes attachments. Each deletion of a link keeps a thread for 16 to 20 ms; so what is asked for while
 * several run is collected, and deleted by one message for the whole batch.
 */
export interface Detacher {
  /** `known`: what the pod is known to have had, for a link that is gone. */
  detach(hostLink: string, known: KnownAttachment): Promise<DetachOutcome>;
}

export type KnownAttachment = Partial<Pick<Attachment, "addresses" | "settings">>;

export interface DetacherInput {
  readonly rtnetlink: NetlinkClient;
  readonly bridge: () => Link | undefined;
  /** Takes what pods have in nftables: their addresses and host ports, before their links go. */
  readonly removeElements: (hostLinks: readonly string[]) => Promise<void>;
}

interface Job {
  readonly hostLink: string;
  readonly known: KnownAttachment;
  readonly settle: (outcome: DetachOutcome) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * While batches wait for the memory of their links, which the kernel does without its lock, the next one may
 * have the lock. No more, since ADDs need sockets and threads too.
 */
const MAX_BATCHES = THREADS / 2;

export function createDetacher({ rtnetlink, bridge, removeElements }: DetacherInput): Detacher {
  let waiting: Job[] = [];
  let running = 0;
  let batches = 0;

  const run = async (): Promise<void> => {
    running++;
    // The rest of this turn of the event loop may bring more: requests that came together go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const jobs = waiting;
      waiting = [];
      const group = FIRST_DELETION_GROUP + (batches++ & 0xffff);
      await detachAll(rtnetlink, { jobs, group, bridge: bridge(), removeElements });
    }
    running--;
  };

  return {
    detach: (hostLink, known) =>
      new Promise((settle, fail) => {
        waiting.push({ hostLink, known, settle, fail });
        if (running < MAX_BATCHES) void run();
      }),
  };
}

interface Batch extends Pick<DetacherInput, "removeElements"> {
  readonly jobs: readonly Job[];
  readonly group: number;
  readonly bridge: Link | undefined;
}

/**
 * Never rejects: every job hears of its own end. What fails does not keep the rest from being freed; the
 * first failure is told in the end.
 */
async function detachAll(rtnetlink: NetlinkClient, batch: Batch): Promise<void> {
  const { jobs, group, bridge, removeElements } = batch;
  const faults: unknown[] = [];
  const attempt = (work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) => void faults.push(error));
  try {
    await attempt(removeElements(jobs.map(({ hostLink }) => hostLink)));
    const links = await findJobLinks(rtnetlink, jobs);
    const own = jobs.filter((job) => {
      const link = links.get(job);
      return link !== undefined && isOurs(link);
    });
    if (bridge !== undefined) {
      const stale = jobs.flatMap((job) => removalsOf(bridge, job, links.get(job)));
      await attempt(removeAll(rtnetlink, stale));
    }
    const ifbs = await findIfbs(rtnetlink, jobs, links);
    // By index: the name could by now belong to a link that somebody else made.
    const indices = [...own.flatMap((job) => links.get(job)?.index ?? []), ...ifbs];
    const { gone, freed } = deleteLinks(rtnetlink, indices, group);
    await attempt(gone);
    if (faults.length > 0) throw faults[0];
    for (const job of jobs) job.settle(own.includes(job) ? "detached" : "gone");
    await freed;
  } catch (error) {
    for (const job of jobs) job.fail(error);
  }
}

async function findJobLinks(
  rtnetlink: NetlinkClient,
  jobs: readonly Job[],
): Promise<ReadonlyMap<Job, LinkIdentity>> {
  const names = jobs.map(({ hostLink }) => hostLink);
  const found = await findLinks(rtnetlink, names, parseLinkIdentity);
  const links = new Map<Job, LinkIdentity>();
  for (const [index, job] of jobs.entries()) {
    const link = found[index];
    if (link !== undefined) links.set(job, link);
  }
  return links;
}

/** Indices of the ifbs of those that have one: an ifb does not go with the link that it serves. */
async function findIfbs(
  rtnetlink: NetlinkClient,
  jobs: readonly Job[],
  links: ReadonlyMap<Job, LinkIdentity>,
): Promise<readonly number[]> {
  const shaped = jobs.filter((job) => {
    const link = links.get(job);
    const settings = link === undefined ? job.known.settings : parseAltNames(link.name, link.altNames);
    return settings?.bandwidth.egress !== undefined;
  });
  const found = await findLinks(
    rtnetlink,
    shaped.map(({ hostLink }) => ifbName(hostLink)),
    parseLink,
  );
  return found.flatMap((link) => (link?.kind === "ifb" && isOurs(link) ? [link.index] : []));
}

/**
 * What the host has of a pod besides links: routes and neighbours of its addresses, and perhaps the
 * link-local one that its kernel spoke from.
 */
function removalsOf(
  { index, addrGenMode }: Link,
  { known: { addresses = [] } }: Job,
  link: LinkIdentity | undefined,
): readonly NetlinkRequest[] {
  const hasIpv6 = addrGenMode !== undefined;
  if (link !== undefined && !isOurs(link)) return [];
  const aliased = link?.alias === undefined ? [] : (parseAlias(link.alias)?.addresses ?? []);
  const linkLocal = link?.mac === undefined || !hasIpv6 ? [] : [linkLocalOf(otherEndMac(link.mac))];
  return [
    ...[...new Set([...addresses, ...aliased])].flatMap((address) => addressRemovals(index, address)),
    ...linkLocal.map((address) => deleteNeighbour({ linkIndex: index, address })),
  ];
}
