import type { ApiFault } from "./api-faults.ts";
import type { ResourceServer } from "./resources/resource-server.ts";

/** DaemonSets of a local API server. */
export interface DaemonSets {
  /**
   * Makes one, or marks it as being deleted, as propagation policy Foreground does; or changes its
   * annotations.
   */
  put(name: string, options?: DaemonSetOptions): void;
  remove(name: string): void;
  /** Sets what goes wrong with new requests; watches that are open go on, as on real servers. */
  setFault(fault: ApiFault | undefined): void;
  /** Names that were asked for, one for each request. */
  readonly asked: readonly string[];
  watchers(): number;
  endWatches(): void;
}

export interface DaemonSetOptions {
  readonly isLeaving?: boolean;
  readonly annotations?: Readonly<Record<string, string>>;
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
    put(name, { isLeaving = false, annotations = {} } = {}) {
      const deletion = isLeaving ? { deletionTimestamp: "2026-01-02T03:04:05Z" } : {};
      server.objects.put(name, { metadata: { name, annotations, ...deletion }, spec: {}, status: {} });
    },
    remove: (name) => server.objects.remove(name),
    setFault,
    watchers: server.watchers,
    endWatches: () => server.endWatches("end"),
  };
}
