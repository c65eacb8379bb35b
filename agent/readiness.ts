/** Parts of the agent that must work before a pod can start. */
export type ReadinessPart =
  | "pod CIDRs"
  | "node network"
  | "masquerade"
  | "routes"
  | "socket"
  | "installation"
  | "shutdown";

/** Why the node is not ready: shown by /readyz, STATUS and the log, in the same words. */
export interface Readiness {
  /** Sets or clears (undefined) the reason of one part. */
  set(part: ReadinessPart, reason: string | undefined): void;
  reasons(): readonly { readonly part: ReadinessPart; readonly reason: string }[];
  isReady(): boolean;
}

/** Every part begins with a reason; `onChange` hears every later change. */
export function createReadiness(
  onChange: (part: ReadinessPart, reason: string | undefined) => void,
): Readiness {
  const open = new Map<ReadinessPart, string>([
    ["pod CIDRs", "PodCIDRs of this node are not known yet"],
    ["node network", "bridge and forwarding are not applied yet"],
    ["masquerade", "nftables ruleset is not applied yet"],
    ["routes", "routes to other nodes are not applied yet"],
    ["socket", "the agent does not listen for the shim yet"],
    ["installation", "host files are not installed yet"],
  ]);
  return {
    set(part, reason) {
      if (open.get(part) === reason) return;
      if (reason === undefined) open.delete(part);
      else open.set(part, reason);
      onChange(part, reason);
    },
    reasons: () => [...open].map(([part, reason]) => ({ part, reason })),
    isReady: () => open.size === 0,
  };
}
