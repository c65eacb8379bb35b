/** Parts of the agent that must work before a pod can start. */
export type ReadinessPart =
  | "pod CIDRs"
  | "node network"
  | "masquerade"
  | "routes"
  | "encryption"
  | "network policies"
  | "socket"
  | "installation"
  | "shutdown";

/** What does not keep pods from starting, and should be put right all the same. */
export type WarningPart =
  | HttpPart
  | "packet filters"
  | "VRF"
  | "MTU"
  | "overlay"
  | "host ports"
  | "fast path"
  | "network policies"
  | "encryption"
  | "key rotation";

/** Listeners of HTTP. */
export type HttpPart = "http" | "probes";

/** Why the node is not ready: shown by /readyz, STATUS and the log, in the same words. */
export interface Readiness {
  /** Sets or clears (undefined) the reason of one part. */
  set(part: ReadinessPart, reason: string | undefined): void;
  /** Sets or clears a warning: the node is ready or not without it. */
  warn(part: WarningPart, reason: string | undefined): void;
  warnings(): readonly { readonly part: WarningPart; readonly reason: string }[];
  reasons(): readonly { readonly part: ReadinessPart; readonly reason: string }[];
  isReady(): boolean;
}

/** Hears that a part or a warning has a new reason, or none any more. */
export type HearReadiness = (
  kind: "part" | "warning",
  part: ReadinessPart | WarningPart,
  reason: string | undefined,
) => void;

/** Every part begins with a reason; `onChange` hears every later change, of warnings too. */
export function createReadiness(onChange: HearReadiness): Readiness {
  const warnings = new Map<WarningPart, string>();
  const open = new Map<ReadinessPart, string>([
    ["pod CIDRs", "PodCIDRs of this node are not known yet"],
    ["node network", "bridge and forwarding are not applied yet"],
    ["masquerade", "nftables ruleset is not applied yet"],
    ["routes", "routes to other nodes are not applied yet"],
    ["socket", "the agent does not listen for the shim yet"],
    ["installation", "host files are not installed yet"],
  ]);
  const change = <Part extends ReadinessPart | WarningPart>(
    kind: "part" | "warning",
    of: Map<Part, string>,
    part: Part,
    reason: string | undefined,
  ): void => {
    if (of.get(part) === reason) return;
    if (reason === undefined) of.delete(part);
    else of.set(part, reason);
    onChange(kind, part, reason);
  };
  return {
    set: (part, reason) => change("part", open, part, reason),
    warn: (part, reason) => change("warning", warnings, part, reason),
    warnings: () => [...warnings].map(([part, reason]) => ({ part, reason })),
    reasons: () => [...open].map(([part, reason]) => ({ part, reason })),
    isReady: () => open.size === 0,
  };
}
