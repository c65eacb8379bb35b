import type { Attachment } from "../plan/attachment.ts";
import type { Ipam } from "./ipam.ts";

/** Cache of the kernel's attachments, by host link, that keeps the address pools in step. */
export interface Attachments {
  has(hostLink: string): boolean;
  list(): readonly Attachment[];
  /** Remembers an attachment whose addresses are reserved already. */
  add(hostLink: string, attachment: Attachment): void;
  /** Forgets an attachment and frees its addresses; an unknown one is ignored. */
  remove(hostLink: string, nowMs: number): void;
  /**
   * Begins a comparison with the kernel: call it before the dump, and the function that it returns with the dump's answer. What was
   * added or removed in between is left alone, since the dump may be older.
   */
  beginReload(): (observed: ReadonlyMap<string, Attachment>, nowMs: number) => ReloadChanges;
}

export interface ReloadChanges {
  /** Host links that the kernel had and we did not know. */
  readonly adopted: readonly string[];
  /** Host links that we knew and the kernel no longer has: their addresses are free. */
  readonly dropped: readonly string[];
}

export function createAttachments(ipam: Pick<Ipam, "claim" | "release">): Attachments {
  const table = new Map<string, Attachment>();
  const reloads = new Set<Set<string>>();
  const touch = (hostLink: string): void => {
    for (const touched of reloads) touched.add(hostLink);
  };
  const remove = (hostLink: string, nowMs: number): void => {
    touch(hostLink);
    const attachment = table.get(hostLink);
    if (attachment === undefined) return;
    table.delete(hostLink);
    ipam.release(attachment.addresses, nowMs);
  };

  return {
    has: (hostLink) => table.has(hostLink),
    list: () => [...table.values()],
    add(hostLink, attachment) {
      touch(hostLink);
      table.set(hostLink, attachment);
    },
    remove,
    beginReload() {
      const touched = new Set<string>();
      reloads.add(touched);
      return (observed, nowMs) => {
        reloads.delete(touched);
        const dropped = [...table.keys()].filter((name) => !observed.has(name) && !touched.has(name));
        const adopted = [...observed.keys()].filter((name) => !table.has(name) && !touched.has(name));
        for (const hostLink of dropped) remove(hostLink, nowMs);
        for (const hostLink of adopted) {
          const attachment = observed.get(hostLink);
          if (attachment === undefined) continue;
          table.set(hostLink, attachment);
          ipam.claim(attachment.addresses);
        }
        return { adopted, dropped };
      };
    },
  };
}
