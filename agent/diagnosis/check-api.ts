import type { Finding } from "./finding.ts";
import { shellWord } from "./shell.ts";

/** What came of a request to the Kubernetes API. */
export type ApiObservation =
  | { readonly kind: "not asked"; readonly reason: string }
  | { readonly kind: "answered"; readonly server: string; readonly ms: number; readonly version: string }
  | {
      readonly kind: "failed";
      readonly server: string;
      readonly reason: string;
      /** HTTP status, if there was an answer. */
      readonly status: number | undefined;
      /** A route of this node that leads the server's address nowhere, as ip(8) takes it. */
      readonly blockedBy: string | undefined;
    };

const NAME = "API server";

/** Pods start without it (an agent asks it for nodes and PodCIDRs); changes of the cluster do not arrive. */
export function checkApi(observation: ApiObservation): readonly Finding[] {
  if (observation.kind === "not asked")
    return [{ name: NAME, verdict: "info", evidence: `not asked: ${observation.reason}` }];
  const { server } = observation;
  if (observation.kind === "answered")
    return [
      {
        name: NAME,
        verdict: "ok",
        evidence: `${server} (${observation.version}) answered within ${Math.ceil(observation.ms)} ms`,
      },
    ];
  const { reason, status, blockedBy } = observation;
  const evidence = `${server} does not serve this node: ${reason}; pods start, changes of nodes do not arrive`;
  if (blockedBy !== undefined)
    return [
      {
        name: NAME,
        verdict: "fail",
        evidence: `${evidence}; the route ${blockedBy} leads it nowhere`,
        remedy: `ip route delete ${blockedBy}`,
      },
    ];
  // What is left is not of this node: the command shows the whole conversation.
  const remedy = `curl --insecure --verbose --max-time 5 ${shellWord(`${server}/readyz`)}`;
  return [
    { name: NAME, verdict: status === 401 || status === undefined ? "fail" : "warn", evidence, remedy },
  ];
}
