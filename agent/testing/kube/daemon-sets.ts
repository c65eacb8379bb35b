import type { ApiFault } from "./api-faults.ts";
import type { ResourceServer } from "./resources/resource-server.ts";

/** DaemonSets of a local API server. */
export interface DaemonSets {
  /** Makes one, or marks it as being deleted, as propagation policy Foreground does. */
  put(name: string, options?: { readonly isLeaving: boolean }): void;
  remove(name: string): void;
  /** Sets what goes wrong with new requests; watches that are open go on, as on real servers. */
  setFault(fault: ApiFault | undefined): void;
  /** Names that were asked for, one for each request. */
  readonly asked: readonly string[];
  watchers(): number;
  endWatches(): void;
}

export interface DaemonSetsInput extends Pick<DaemonSets, "setFault"> {
  readonly server: ResourceServer;
  readonly asked: () => readonly string[];
}

export function createDaemonSets({ server, setFault, asked }: DaemonSetsInput): DaemonSets {
  return {
    get asked() {
      return asked();
    },
    put(name, { isLeaving } = { isLeaving: false }) {
      const deletion = isLeaving ? { deletionTimestamp: "2026-01-02T03:04:05Z" } : {};
      server.objects.put(name, { metadata: { name, ...deletion }, spec: {}, status: {} });
    },
    remove: (name) => server.objects.remove(name),
    setFault,
    watchers: server.watchers,
    endWatches: () => server.endWatches("end"),
  };
}
