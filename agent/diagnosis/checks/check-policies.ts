import type { Finding } from "../finding.ts";

const NAME = "policies";

/** `cautions`: what the agent thinks of policies of this node's pods; undefined: it enforces none, or is of a release that does not tell. */
export function checkPolicies(cautions: readonly string[] | undefined): readonly Finding[] {
  if (cautions === undefined) return [];
  if (cautions.length === 0)
    return [{ name: NAME, verdict: "ok", evidence: "those of this node's pods say what they seem to say" }];
  return cautions.map((evidence) => ({ name: NAME, verdict: "warn", evidence }));
}
