import { acceptCommand } from "../plan/accept-rules.ts";
import type { Finding } from "./finding.ts";
import { type ChainEffect, effectOnPods, type ForwardChain } from "./forward-chain.ts";
import { allOf } from "./shell.ts";

export interface ForwardChainsObservation {
  readonly bridge: string;
  readonly chains: readonly ForwardChain[];
  /** Tables of legacy iptables, which nft does not show. */
  readonly legacyTables: readonly string[];
}

const NAME = "packet filters";

const WORDS: Readonly<Record<Exclude<ChainEffect, "passes">, string>> = {
  "drops pods": "drops packets of pods by a rule of its own",
  "drops unknown":
    "drops forwarded packets that none of its rules accepts, and none accepts those of the bridge",
};

/** A packet must pass every chain of the hook: an accept of ours overrules none (moby/moby#49528). */
export function checkForwardChains(observation: ForwardChainsObservation): readonly Finding[] {
  const { bridge, chains, legacyTables } = observation;
  const findings: Finding[] = chains.flatMap((chain) => {
    const effect = effectOnPods(chain, bridge);
    if (effect === "passes") return [];
    const { family, table, name } = chain;
    return [
      {
        name: NAME,
        verdict: "fail" as const,
        evidence: `chain ${family} ${table} ${name} ${WORDS[effect]}`,
        remedy: acceptCommand(chain, bridge),
      },
    ];
  });
  if (legacyTables.includes("filter")) findings.push(legacyFinding(bridge));
  if (findings.length > 0) return findings;
  const seen = chains.map(({ family, table, name }) => `${family} ${table} ${name}`).join(", ");
  return [
    {
      name: NAME,
      verdict: "ok",
      evidence: seen === "" ? "no chain of others in hook forward" : `pass: ${seen}`,
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
