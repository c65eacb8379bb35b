import { describeHostPort, type HostPort, overlaps } from "../plan/pods/host-ports.ts";

/** Which attachment has which ports of the node. */
export interface HostPortTable {
  /**
   * Takes ports for an attachment, in place of those that it has, all or none; tells the first one that
   * another attachment has. Nothing is awaited in between.
   */
  reserve(hostLink: string, hostPorts: readonly HostPort[]): PortConflict | undefined;
  /** Gives back what an attachment has; one that has none is ignored. */
  release(hostLink: string): void;
}

export interface PortConflict {
  readonly port: string;
  /** Host link of the attachment that has it. */
  readonly hostLink: string;
}

interface Taken {
  readonly hostLink: string;
  readonly hostPort: HostPort;
}

export function createHostPortTable(): HostPortTable {
  /** By protocol and port: those of several addresses of the node stand beside each other. */
  const taken = new Map<string, readonly Taken[]>();
  const owned = new Map<string, readonly HostPort[]>();
  const keyOf = ({ protocol, hostPort }: HostPort): string => `${protocol} ${hostPort}`;

  const release = (hostLink: string): void => {
    for (const hostPort of owned.get(hostLink) ?? []) {
      const key = keyOf(hostPort);
      const left = (taken.get(key) ?? []).filter((entry) => entry.hostLink !== hostLink);
      if (left.length === 0) taken.delete(key);
      else taken.set(key, left);
    }
    owned.delete(hostLink);
  };

  return {
    reserve(hostLink, hostPorts) {
      for (const wanted of hostPorts) {
        const conflict = taken.get(keyOf(wanted))?.find(({ hostPort }) => overlaps(hostPort, wanted));
        if (conflict !== undefined && conflict.hostLink !== hostLink)
          return { port: describeHostPort(conflict.hostPort), hostLink: conflict.hostLink };
      }
      release(hostLink);
      if (hostPorts.length === 0) return undefined;
      owned.set(hostLink, hostPorts);
      for (const hostPort of hostPorts) {
        const key = keyOf(hostPort);
        taken.set(key, [...(taken.get(key) ?? []), { hostLink, hostPort }]);
      }
      return undefined;
    },
    release,
  };
}
