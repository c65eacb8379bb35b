import type { Finding } from "../finding.ts";
import { allOf, sysctlCommand } from "../shell.ts";

/** Settings of br_netfilter by name, as `bridge-nf-call-iptables`; none when the module is not loaded. */
export type BridgeNetfilterObservation = ReadonlyMap<string, number>;

const NAME = "br_netfilter";

/**
 * Causeway needs it neither on nor off: pods' packets pass the host's IP stack in any case. On, they pass the
 * packet filters twice.
 */
export function checkBridgeNetfilter(settings: BridgeNetfilterObservation): readonly Finding[] {
  if (settings.size === 0)
    return [{ name: NAME, verdict: "ok", evidence: "not loaded; Causeway does not need it" }];
  const on = [...settings].filter(([, value]) => value !== 0).map(([name]) => name);
  if (on.length === 0) return [{ name: NAME, verdict: "ok", evidence: "off; Causeway does not need it" }];
  return [
    {
      name: NAME,
      verdict: "info",
      evidence: `${on.join(", ")} on: pods' frames also traverse the packet filter on the bridge, which costs CPU; Causeway does not need it`,
      remedy: allOf(...on.map((name) => sysctlCommand(`net/bridge/${name}`, 0))),
    },
  ];
}
