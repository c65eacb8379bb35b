import { release } from "node:os";
import type { MessageBody } from "../../../netlink/message/message.ts";
import { changeElements } from "../../../netlink/nft/nft-elements.ts";
import type { SharedLock } from "../../../lib/shared-lock.ts";
import { TABLE_NAME } from "../../../plan/nft/nft-table.ts";
import { describeMissing } from "../../../plan/node/kernel-features.ts";
import { type PortBinding, planPortElements } from "../../../plan/pods/host-ports.ts";
import {
  formatSourceElement,
  planSourceElements,
  type SourceBinding,
  type SourceElement,
} from "../../../plan/pods/sources.ts";
import { servesHostPorts } from "../../../plan/rules/ruleset.ts";
import { changeDevices } from "../../../netlink/nft/nft-flow-table.ts";
import type { NetlinkClient } from "../../socket/netlink-client.ts";
import type { JoinedChanges } from "../../types.ts";
import { portSetElement } from "./port-elements.ts";
import { sourceSetElement } from "./source-elements.ts";
import { tableKey } from "../list-table.ts";
import { findMissingFeatures } from "../probe-features.ts";
import type { TableLedger } from "../table-ledger.ts";

/**
 * How an attachment is let in: its first step goes to this socket, and whoever sends it tells when the kernel
 * has made it so.
 */
export interface Admission {
  readonly socket: number;
  /** Messages of the same transaction. */
  readonly joinedChanges: readonly MessageBody[];
  readonly made: () => void;
}

/** What one attachment has in our tables. */
export interface PodElements {
  readonly sources?: SourceBinding | undefined;
  readonly ports?: PortBinding | undefined;
  /** Its host link is a device of the flow table, where there is one. */
  readonly isFast?: boolean;
}

export interface AdoptedPod extends PodElements {
  readonly hostLink: string;
}

/** Our tables, as far as attachments change them. */
export interface PodTables {
  readonly netfilter: Pick<NetlinkClient, "tryExecute" | "withSocket">;
  readonly pods: Map<string, PodElements>;
  readonly ledger: TableLedger;
  /**
   * Attachments come and go beside each other; who looks at the tables meanwhile would take what is half done
   * for damage.
   */
  readonly turns: SharedLock;
}

const MAX_ATTEMPTS = 3;

export interface AdmitInput {
  readonly sources: SourceBinding;
  readonly isFast: boolean;
  readonly joinedChanges?: JoinedChanges | undefined;
}

/** See {@link Nftables.admit}. */
export async function admit<Outcome>(
  tables: PodTables,
  { sources, isFast, joinedChanges }: AdmitInput,
  attach: (admission: Admission | undefined) => Promise<Outcome | "not admitted">,
): Promise<Outcome | "not admitted"> {
  const { netfilter, pods, ledger, turns } = tables;
  const before = pods.get(sources.hostLink);
  const made = (): void => {
    ledger.advance();
    joinedChanges?.made();
  };
  /** The link joins the flow table once it is there, and who waits for it has been answered. */
  const joined = async (attaching: Promise<Outcome | "not admitted">): Promise<Outcome | "not admitted"> => {
    const outcome = await attaching;
    if (isFast && typeof outcome !== "string") await changeFastLinks(tables, "add", [sources.hostLink]);
    return outcome;
  };
  try {
    let outcome = await turns.shared(() => {
      pods.set(sources.hostLink, { sources, isFast });
      const attaching = netfilter.withSocket((socket) =>
        attach({ socket, joinedChanges: joinedChanges?.bodies ?? [], made }),
      );
      return joined(attaching);
    });
    if (outcome === "not admitted" && joinedChanges !== undefined) {
      restore(pods, sources.hostLink, before);
      return outcome;
    }
    if (outcome === "not admitted") {
      ledger.distrust();
      await putRight(tables);
      outcome = await turns.shared(() => joined(attach(undefined)));
    }
    if (outcome === "not admitted") throw new Error(`Cannot admit "${sources.hostLink}": it was refused`);
    if (typeof outcome === "string") await dismiss(tables, sources, before);
    return outcome;
  } catch (error) {
    await dismiss(tables, sources, before);
    throw error;
  }
}

/** See {@link Nftables.addHostPorts}. */
export async function addHostPorts(tables: PodTables, binding: PortBinding): Promise<void> {
  const { pods, ledger } = tables;
  const { hostLink } = binding;
  const ruleset = ledger.current();
  if (ruleset !== undefined && !servesHostPorts(ruleset))
    throw new Error(
      `Cannot serve host ports: ${describeMissing(release(), (await findMissingFeatures("node")) ?? [])}`,
    );
  const before = pods.get(hostLink);
  try {
    await change(tables, "add", () => {
      pods.set(hostLink, { ...before, ports: binding });
      return { ports: [binding], sources: [] };
    });
  } catch (error) {
    restore(pods, hostLink, before);
    throw error;
  }
}

function restore(pods: PodTables["pods"], hostLink: string, before: PodElements | undefined): void {
  if (before === undefined) pods.delete(hostLink);
  else pods.set(hostLink, before);
}

/** See {@link Nftables.removePods}. */
export async function removePods(
  tables: PodTables,
  hostLinks: readonly string[],
): Promise<readonly PortBinding[]> {
  const { pods } = tables;
  let ports: readonly PortBinding[] = [];
  await change(tables, "delete", () => {
    const removed = hostLinks.flatMap((hostLink) => pods.get(hostLink) ?? []);
    const fastLinks = hostLinks.filter((hostLink) => pods.get(hostLink)?.isFast === true);
    for (const hostLink of hostLinks) pods.delete(hostLink);
    ports = removed.flatMap((pod) => pod.ports ?? []);
    const sources = removed.flatMap((pod) =>
      pod.sources === undefined ? [] : planSourceElements(pod.sources),
    );
    return { ports, sources, fastLinks };
  });
  return ports;
}

/**
 * One transaction about the devices of the flow table, where there is one. What fails is seen to by the next
 * look at the tables: a link that is gone has left by itself.
 */
async function changeFastLinks(
  { netfilter, ledger }: PodTables,
  verb: "add" | "delete",
  links: readonly string[],
): Promise<void> {
  const { family, flowTable } = ledger.current()?.find((table) => table.flowTable !== undefined) ?? {};
  if (family === undefined || flowTable === undefined || links.length === 0) return;
  const request = changeDevices(tableKey(family), verb, {
    ...flowTable,
    table: TABLE_NAME,
    devices: links,
  });
  const [outcome] = (await netfilter.tryExecute([{ requests: [request] }]).catch(() => [])).flat();
  if (outcome?.status === "done") ledger.advance();
  else ledger.distrust();
}

/** See {@link Nftables.adoptPods}. */
export async function adoptPods(
  { pods, ledger, turns }: PodTables,
  adopted: readonly AdoptedPod[],
): Promise<void> {
  if (adopted.length === 0) return;
  // At once: a DEL that comes next has to find them.
  for (const { hostLink, ...elements } of adopted) pods.set(hostLink, elements);
  await turns.exclusive(async () => {
    ledger.distrust();
  });
}

/** The tables are not as they were left: all of them are looked at. */
async function putRight({ ledger, turns }: PodTables): Promise<void> {
  const ruleset = ledger.current();
  if (ruleset === undefined) throw new Error("Cannot change nftables elements: there are no tables yet");
  for (let attempt = 1; ; attempt++) {
    try {
      await turns.exclusive(() => ledger.ensure(ruleset));
      return;
    } catch (error) {
      // Who has flushed the rulesets once may do so again between our change and our look at it.
      if (attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

interface ElementChange {
  readonly ports: readonly PortBinding[];
  readonly sources: readonly SourceElement[];
  readonly fastLinks?: readonly string[];
}

/** One transaction about attachments' elements, once `register` has noted what is wanted from now on. */
async function change(
  tables: PodTables,
  verb: "add" | "delete",
  register: () => ElementChange,
): Promise<void> {
  const { netfilter, ledger, turns } = tables;
  const isMade = await turns.shared(async () => {
    const changed = register();
    await changeFastLinks(tables, verb, changed.fastLinks ?? []);
    const elements = [
      ...changed.ports.flatMap(planPortElements).map(portSetElement),
      ...changed.sources.map(sourceSetElement),
    ];
    if (elements.length === 0) return true;
    try {
      const request = changeElements({ table: TABLE_NAME, verb, elements });
      const [outcome] = (await netfilter.tryExecute([{ requests: [request] }])).flat();
      if (outcome?.status !== "failed") ledger.advance();
      return outcome?.status !== "failed";
    } catch {
      return false;
    }
  });
  if (isMade) return;
  ledger.distrust();
  await putRight(tables);
}

/**
 * Removes the elements of a failed ADD; what cannot be removed now is unexpected to the next `ensure`, which
 * removes it.
 */
async function dismiss(
  tables: PodTables,
  sources: SourceBinding,
  before: PodElements | undefined,
): Promise<void> {
  const { pods } = tables;
  const kept = new Set((before?.sources ? planSourceElements(before.sources) : []).map(formatSourceElement));
  await change(tables, "delete", () => {
    restore(pods, sources.hostLink, before);
    const elements = planSourceElements(sources).filter((own) => !kept.has(formatSourceElement(own)));
    return { ports: [], sources: elements };
  }).catch(() => undefined); // the ADD's own failure is what is told
}
