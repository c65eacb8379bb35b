import { checkForwardChains } from "../checks/check-forward-chains.ts";
import { explainAnswers } from "./explain-answers.ts";
import { explainBridge } from "./explain-bridge.ts";
import { explainDelivery } from "./explain-delivery.ts";
import { explainHostPort } from "./explain-host-port.ts";
import { explainPolicies } from "./explain-policies.ts";
import { explainTranslation, isBeyondTelling } from "./explain-translation.ts";
import { explainSource } from "../explain-pod.ts";
import { explainSourceCheck } from "../checks/check-sources.ts";
import { explainRoute } from "./explain-route.ts";
import { type Finding, judging } from "../finding.ts";
import type { PathObservation } from "../path-observation.ts";

/** The hops of a packet from a pod to a target in order, with the way of the answers at the end. */
export function explainPath(observation: PathObservation): readonly Finding[] {
  if (observation.bridge === undefined) return [explainBridge(observation)];
  const source = explainSource(observation);
  // Without the pod every further answer of the kernel would be about a packet that nobody sends.
  if (observation.pod === undefined) return source;
  const before = [
    ...source,
    explainSourceCheck("source check", observation.pod, observation),
    explainBridge(observation),
    ...explainTranslation(observation),
  ];
  if (isBeyondTelling(observation)) return before;
  return [
    ...before,
    ...explainHostPort(observation),
    explainRoute(observation),
    ...explainFilters(observation),
    ...explainPolicies(observation),
    ...explainDelivery(observation),
    ...explainAnswers(observation),
  ];
}

/** Hook forward sees what passes through the node. */
function explainFilters({ delivery, bridge, chains }: PathObservation): readonly Finding[] {
  if (delivery.kind === "node" || delivery.kind === "nowhere" || bridge === undefined) return [];
  return judging("packet filters", chains, (list) =>
    checkForwardChains({ bridge: bridge.name, chains: list, legacyTables: [] }),
  );
}

/** The first hop at which the packet, or the answer, does not go on. */
export function brokenHop(findings: readonly Finding[]): Finding | undefined {
  return findings.find(({ verdict }) => verdict === "fail");
}
