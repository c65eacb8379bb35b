import type { Link } from "../netlink/parse-link.ts";
import type { Finding } from "./finding.ts";
import { shellWord } from "./shell.ts";

export interface BridgeObservation {
  /** Undefined: there is none of Causeway's. */
  readonly bridge: Pick<Link, "index" | "name" | "up"> | undefined;
  /** Its addresses, as `10.244.1.1/24`. */
  readonly gateways: readonly string[];
  readonly tunnels: readonly Pick<Link, "name" | "up">[];
  /** Host ends of pods' links. */
  readonly hostLinks: readonly Pick<Link, "name" | "up" | "masterIndex">[];
}

const NAME = "datapath";
/** Faults that are told one by one. */
const MAX_TOLD = 5;

/** The links that a running agent keeps as they must be. */
export function checkBridge({ bridge, gateways, tunnels, hostLinks }: BridgeObservation): readonly Finding[] {
  if (bridge === undefined)
    return [
      {
        name: NAME,
        verdict: "fail",
        evidence: "there is no bridge of Causeway's: the agent has not come so far",
      },
    ];
  const up = (name: string): string => `ip link set dev ${shellWord(name)} up`;
  const down = [bridge, ...tunnels, ...hostLinks].filter((link) => !link.up);
  const loose = hostLinks.filter(({ masterIndex }) => masterIndex !== bridge.index);
  const faults: Finding[] = [
    ...down.map(
      ({ name }): Finding => ({
        name: NAME,
        verdict: "fail",
        evidence: `link ${name} is down`,
        remedy: up(name),
      }),
    ),
    ...loose.map(
      ({ name }): Finding => ({
        name: NAME,
        verdict: "fail",
        evidence: `link ${name} of a pod is no port of ${bridge.name}`,
        remedy: `ip link set dev ${shellWord(name)} master ${shellWord(bridge.name)}`,
      }),
    ),
    ...(gateways.length > 0
      ? []
      : [{ name: NAME, verdict: "fail" as const, evidence: `bridge ${bridge.name} has no gateway address` }]),
  ];
  const more = faults.length - MAX_TOLD;
  if (more > 0)
    return [
      ...faults.slice(0, MAX_TOLD),
      { name: NAME, verdict: "fail", evidence: `${more} more faults of links` },
    ];
  if (faults.length > 0) return faults;
  const evidence = `bridge ${bridge.name} (${gateways.join(", ")}) with ${hostLinks.length} pods`;
  return [{ name: NAME, verdict: "ok", evidence }];
}
