import { counted } from "../../text/count.ts";
import { explainEntries, explainLink } from "../explain-pod.ts";
import type { Finding } from "../finding.ts";
import type { PodEnd } from "../path-observation.ts";
import { limitFindings } from "../limit-findings.ts";

interface Bridge {
  readonly index: number;
  readonly name: string;
}

export interface PodsObservation {
  readonly bridge: Bridge | undefined;
  readonly pods: readonly PodEnd[];
}

const NAME = "pods";

/** The host's side of every pod: its link, and what the bridge knows of its addresses. */
export function checkPods({ bridge, pods }: PodsObservation): readonly Finding[] {
  if (bridge === undefined) return [{ name: NAME, verdict: "info", evidence: "there is no Causeway bridge" }];
  const links = Map.groupBy(pods, ({ hostLink }) => hostLink.index);
  const faults = [...links.values()].flatMap((ends) => checkPod(ends, bridge));
  if (faults.length > 0) return limitFindings(NAME, faults);
  return [
    {
      name: NAME,
      verdict: "ok",
      evidence: `links of ${counted(links.size, "pod")} are attached correctly to ${bridge.name}`,
    },
  ];
}

/**
 * What is wrong with a link hides the rest; of what is wrong with its MAC, which several addresses share, one
 * finding is enough.
 */
function checkPod(ends: readonly PodEnd[], bridge: Bridge): readonly Finding[] {
  const link = ends.slice(0, 1).map((end) => explainLink(NAME, end, bridge));
  const isLinkRight = link.every(({ verdict }) => verdict === "ok");
  const found = isLinkRight ? ends.flatMap((end) => explainEntries("", end, bridge.name)) : link;
  const faults = new Map(
    found.filter(({ verdict }) => verdict !== "ok").map((finding) => [finding.evidence, finding]),
  );
  return [...faults.values()].map(({ verdict, evidence, remedy }) => {
    return { name: NAME, verdict, evidence, remedy };
  });
}
