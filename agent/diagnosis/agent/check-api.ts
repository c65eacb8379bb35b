import type { Finding } from "../finding.ts";
import { permissionCommand } from "../permission.ts";
import { shellWord } from "../shell.ts";

/** What came of the requests that an agent makes of the Kubernetes API. */
export type ApiObservation =
  | { readonly kind: "not asked"; readonly reason: string }
  | { readonly kind: "answered"; readonly server: string; readonly ms: number; readonly version: string }
  | {
      readonly kind: "failed";
      /** Base URL; undefined: the credentials do not tell it. */
      readonly server: string | undefined;
      readonly reason: string;
      /** HTTP status, if there was an answer. */
      readonly status: number | undefined;
      /** A route of this node that leads the server's address nowhere, as ip(8) takes it. */
      readonly blockedBy: string | undefined;
    };

type ApiFailure = Extract<ApiObservation, { kind: "failed" }>;

const NAME = "API server";

/**
 * An agent that is ready starts pods without it (it asks it for nodes and PodCIDRs); changes of the cluster
 * do not arrive.
 */
export function checkApi(
  observation: ApiObservation,
  { isAgentReady }: { readonly isAgentReady: boolean },
): readonly Finding[] {
  if (observation.kind === "not asked")
    return [{ name: NAME, verdict: "info", evidence: `not asked: ${observation.reason}` }];
  if (observation.kind === "answered") {
    const { server, version, ms } = observation;
    const evidence = `${server} (${version}) answered within ${Math.ceil(ms)} ms`;
    return [{ name: NAME, verdict: "ok", evidence }];
  }
  const { server = "it", reason, status, blockedBy } = observation;
  const pods = isAgentReady ? "pods start, " : "";
  const blocked = blockedBy === undefined ? "" : `; the route ${blockedBy} makes it unreachable`;
  const evidence = `${server} does not serve this node: ${reason}; ${pods}changes of nodes do not arrive${blocked}`;
  const isFault = status === undefined || status === 401 || status === 403;
  return [{ name: NAME, verdict: isFault ? "fail" : "warn", evidence, remedy: remedyOf(observation) }];
}

/** Undefined: what is wrong is in the credentials, and the reason names it. */
function remedyOf({ server, reason, status, blockedBy }: ApiFailure): string | undefined {
  if (blockedBy !== undefined) return `ip route delete ${blockedBy}`;
  if (status === 403) return permissionCommand(reason);
  if (server === undefined || status === 401) return undefined;
  // What is left is not of this node: the command shows the whole conversation.
  return `curl --insecure --verbose --max-time 5 ${shellWord(`${server}/readyz`)}`;
}
