import type { Finding } from "./finding.ts";

/** A UDP port of the node that a device of ours listens on. */
export interface UdpPort {
  readonly port: number;
  /** Programs with a socket on the port, where they can be seen. */
  readonly holders: readonly PortHolder[];
  /** Whether there are sockets on the port; the kernel's own for devices count. */
  readonly isBound: boolean;
}

export interface PortHolder {
  readonly pid: number;
  readonly name: string;
}

/** Who keeps a device that is down, as in "Causeway's VXLAN device", from its port; empty: nobody does. */
export function explainHeldPort(
  { port, holders, isBound }: UdpPort,
  { device, ...head }: Pick<Finding, "name" | "verdict"> & { readonly device: string },
): readonly Finding[] {
  if (holders.length === 0 && isBound)
    return [
      {
        ...head,
        evidence: `a process not visible from here uses UDP port ${port}, so ${device} cannot come up; to find it:`,
        remedy: `ss --udp --listening --numeric --processes 'sport = :${port}'`,
      },
    ];
  const { name, verdict } = head;
  return holders.map((holder) => ({
    name,
    verdict,
    evidence: `process ${holder.pid} (${holder.name}) uses UDP port ${port}, so ${device} cannot come up`,
    remedy: `kill ${holder.pid}`,
  }));
}
