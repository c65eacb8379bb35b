import { explainEntries } from "../explain-pod.ts";
import { describeRefusal, explainDetour } from "./explain-route.ts";
import type { Finding } from "../finding.ts";
import type { PathObservation } from "../path-observation.ts";
import { sysctlCommand } from "../shell.ts";

/** Whether what comes back finds the pod. */
export function explainAnswers(observation: PathObservation): readonly Finding[] {
  const { bridge, pod, back, backLink } = observation;
  if (pod === undefined || bridge === undefined) return [];
  const entries = explainEntries("answers: ", pod, bridge.name).filter(({ verdict }) => verdict !== "ok");
  if (entries.length > 0) return entries;
  if (back === undefined) return [];
  const route = explainBack(observation, back);
  if (route !== undefined) return [route];
  const from = backLink === undefined ? "" : ` from ${backLink.name}`;
  return [{ name: "answers", verdict: "ok", evidence: `come back${from} to ${pod.hostLink.name}` }];
}

function explainBack(
  { bridge, backLink, backEntry, source }: PathObservation,
  back: NonNullable<PathObservation["back"]>,
): Finding | undefined {
  const fail = (evidence: string, remedy?: string): Finding => ({
    name: "answers",
    verdict: "fail",
    evidence,
    remedy,
  });
  if (back.kind === "refused") {
    if (backLink?.inetConf?.forwarding === 0)
      return fail(
        `${backLink.name} does not forward IPv4: replies are dropped there`,
        sysctlCommand(`net/ipv4/conf/${backLink.name}/forwarding`, 1),
      );
    return fail(`${source}: ${describeRefusal(back)}`, back.blockedBy && `ip route delete ${back.blockedBy}`);
  }
  if (back.linkIndex === bridge?.index) return undefined;
  return explainDetour("answers", source, backEntry);
}
