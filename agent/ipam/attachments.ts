import type { Attachment } from "../plan/pods/attachment.ts";
import type { HostPortTable } from "./host-port-table.ts";
import type { Ipam } from "./ipam.ts";

/** Cache of the kernel's attachments, by host link, that keeps address pools and host ports in step. */
export interface Attachments {
  get(hostLink: string): Attachment | undefined;
  list(): readonly Attachment[];
  /** Remembers an attachment whose addresses and host ports are reserved already. */
  add(hostLink: string, attachment: Attachment): void;
  /** Forgets an attachment and frees its addresses and host ports; an unknown one is ignored. */
  remove(hostLink: string, nowMs: number): void;
  /**
   * Runs work that makes or deletes the links of an attachment. Comparisons with the kernel that overlap with
   * it leave the attachment alone: what they see of it may be gone a moment later.
   */
  changing<T>(hostLink: string, work: () => Promise<T>): Promise<T>;
  /**
   * Begins a comparison with the kernel: call it before the dump, and the function that it returns with the
   * dump's answer. What was added or removed in between is left alone, since the dump may be older.
   */
  beginReload(): (observed: ReadonlyMap<string, Attachment>) => ReloadChanges;
}

export interface ReloadChanges {
  /** Host links that the kernel had and we did not know. */
  readonly adopted: readonly string[];
  /** What we knew and the kernel no longer has; the caller clears up what is left of it, then removes it. */
  readonly vanished: readonly { readonly hostLink: string; readonly attachment: Attachment }[];
}

export function createAttachments(
  ipam: Pick<Ipam, "claim" | "release">,
  hostPorts: HostPortTable,
): Attachments {
  const table = new Map<string, Attachment>();
  const reloads = new Set<Set<string>>();
  const changing = new Set<string>();
  const touch = (hostLink: string): void => {
    for (const touched of reloads) touched.add(hostLink);
  };
  return {
    get: (hostLink) => table.get(hostLink),
    list: () => [...table.values()],
    add(hostLink, attachment) {
      touch(hostLink);
      table.set(hostLink, attachment);
    },
    remove(hostLink, nowMs) {
      touch(hostLink);
      const attachment = table.get(hostLink);
      if (attachment === undefined) return;
      table.delete(hostLink);
      ipam.release(attachment.addresses, nowMs);
      hostPorts.release(hostLink);
    },
    async changing(hostLink, work) {
      touch(hostLink);
      changing.add(hostLink);
      try {
        return await work();
      } finally {
        changing.delete(hostLink);
      }
    },
    beginReload() {
      const touched = new Set(changing);
      reloads.add(touched);
      return (observed) => {
        reloads.delete(touched);
        const isSettled = (hostLink: string): boolean => !touched.has(hostLink);
        const vanished = [...table]
          .filter(([hostLink]) => !observed.has(hostLink) && isSettled(hostLink))
          .map(([hostLink, attachment]) => ({ hostLink, attachment }));
        const adopted = [...observed].filter(([hostLink]) => !table.has(hostLink) && isSettled(hostLink));
        for (const [hostLink, attachment] of adopted) {
          table.set(hostLink, attachment);
          ipam.claim(attachment.addresses);
          hostPorts.reserve(hostLink, attachment.settings?.hostPorts ?? []);
        }
        return { adopted: adopted.map(([hostLink]) => hostLink), vanished };
      };
    },
  };
}
