import type { Finding } from "../finding.ts";
import { shellWord } from "../shell.ts";

export interface AgentObservation {
  readonly nodeName: string;
  /** Version of this program. */
  readonly ownVersion: string;
  readonly agent: AgentState;
}

/** What the agent says of itself, or why nothing comes from it. */
export type AgentState =
  | {
      readonly kind: "answer";
      readonly version: string;
      /** Why it is not ready. */
      readonly reasons: readonly { readonly part: string; readonly reason: string }[];
    }
  | { readonly kind: "silent"; readonly reason: string };

const NAME = "agent";

/** Starts the agent of this node anew: the DaemonSet makes another pod. */
export function agentRemedy(nodeName: string): string {
  const choice = `--selector app.kubernetes.io/name=causeway --field-selector spec.nodeName=${shellWord(nodeName)}`;
  return `kubectl delete pod --all-namespaces ${choice}`;
}

export function checkAgent(observation: AgentObservation): readonly Finding[] {
  const { nodeName, ownVersion, agent } = observation;
  if (agent.kind === "silent")
    return [
      {
        name: NAME,
        verdict: "fail",
        evidence: `no answer from it (${agent.reason}): no pod can start, running pods keep their network; readiness, unreachable nodes and the agent's view of the API server are unknown`,
        remedy: agentRemedy(nodeName),
      },
    ];
  if (agent.reasons.length > 0)
    return agent.reasons.map(({ part, reason }) => ({
      name: NAME,
      verdict: "fail",
      evidence: `not ready: ${part}: ${reason}`,
    }));
  if (agent.version !== ownVersion)
    return [
      {
        name: NAME,
        verdict: "warn",
        evidence: `it runs version ${agent.version}, this program is ${ownVersion}`,
      },
    ];
  return [{ name: NAME, verdict: "ok", evidence: `version ${agent.version}, ready` }];
}
