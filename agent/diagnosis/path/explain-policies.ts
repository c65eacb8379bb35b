import type { PolicyHop } from "../../plan/policy/trace/trace-policies.ts";
import type { Finding } from "../finding.ts";
import { formatTarget } from "../target.ts";
import type { PathObservation } from "../path-observation.ts";

const NAME = "policies";

/**
 * What network policies say of the packet: those of the pod that sends, then those of the pod that receives.
 */
export function explainPolicies({ policies, target }: PathObservation): readonly Finding[] {
  switch (policies.kind) {
    case "untold":
      return [];
    case "no port":
      return [
        {
          name: NAME,
          verdict: "info",
          evidence: `unknown without a port: ask for ${formatTarget({ ...target, port: { number: 80, protocol: "tcp" } })}, for example`,
        },
      ];
    case "unknown":
      return [{ name: NAME, verdict: "info", evidence: `unknown: ${policies.reason}` }];
    case "judged":
      return [
        ...policies.trace.hops.map((hop) => explainHop(hop, policies)),
        ...policies.faults.map(faultOf),
      ];
  }
}

function explainHop(
  { direction, passes, reason, isTableWrong }: PolicyHop,
  { trace, isPortGuessed }: Extract<PathObservation["policies"], { kind: "judged" }>,
): Finding {
  const name = `${direction} policies`;
  const guessed = isPortGuessed
    ? ", unless the service leads to another port than its own, which iptables does not show"
    : "";
  const evidence = `${trace.port}: ${reason}${passes === undefined ? "" : guessed}`;
  if (isTableWrong)
    return {
      name,
      verdict: "fail",
      evidence: `${evidence}; the agent's table says otherwise, which is a fault of it`,
    };
  const verdict = passes === undefined ? "info" : passes ? "ok" : isPortGuessed ? "warn" : "fail";
  return { name, verdict, evidence };
}

/** The agent puts it right within a minute. */
function faultOf(fault: string): Finding {
  return { name: NAME, verdict: "warn", evidence: `the kernel's table is not as planned: ${fault}` };
}
