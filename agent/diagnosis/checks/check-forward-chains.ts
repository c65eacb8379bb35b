import { describeHarm, type ForwardChain } from "../../plan/foreign/forward-chain.ts";
import type { Finding } from "../finding.ts";
import { allOf } from "../shell.ts";

export interface ForwardChainsObservation {
  readonly bridge: string;
  readonly chains: readonly ForwardChain[];
  /** Tables of legacy iptables, which nft does not show. */
  readonly legacyTables: readonly string[];
}

const NAME = "packet filters";

/** A packet must pass every chain of the hook: an accept of ours overrules none (moby/moby#49528). */
export function checkForwardChains(observation: ForwardChainsObservation): readonly Finding[] {
  const { bridge, chains, legacyTables } = observation;
  const findings: Finding[] = chains.flatMap((chain) => {
    const harm = describeHarm(chain, bridge);
    return harm === undefined ? [] : [{ name: NAME, verdict: "fail" as const, ...harm }];
  });
  if (legacyTables.includes("filter")) findings.push(legacyFinding(bridge));
  if (findings.length > 0) return findings;
  const seen = chains.map(({ family, table, name }) => `${family} ${table} ${name}`).join(", ");
  return [
    {
      name: NAME,
      verdict: "ok",
      evidence: seen === "" ? "no foreign chain in hook forward" : `pass: ${seen}`,
    },
  ];
}

function legacyFinding(bridge: string): Finding {
  return {
    name: NAME,
    verdict: "info",
    evidence:
      "legacy iptables has a table filter, whose chain FORWARD cannot be read through nftables; if its policy is DROP:",
    remedy: allOf(
      ...["-i", "-o"].map((direction) => `iptables-legacy -I FORWARD ${direction} ${bridge} -j ACCEPT`),
    ),
  };
}
