import { explainEntries, explainLink } from "./explain-pod.ts";
import type { Finding } from "./finding.ts";
import type { PodEnd } from "./path-observation.ts";
import { tellSome } from "./tell-some.ts";

export interface PodsObservation {
  readonly bridge: { readonly index: number; readonly name: string } | undefined;
  readonly pods: readonly PodEnd[];
}

const NAME = "pods";

/** The host's side of every pod: its link, and what the bridge knows of its addresses. */
export function checkPods({ bridge, pods }: PodsObservation): readonly Finding[] {
  if (bridge === undefined)
    return [{ name: NAME, verdict: "info", evidence: "there is no bridge of Causeway's" }];
  const links = new Map(pods.map((pod) => [pod.hostLink.index, pod]));
  const faults = [
    ...[...links.values()].map((pod) => explainLink(NAME, pod, bridge.index, bridge.name)),
    ...pods.flatMap((pod) => explainEntries("", pod, bridge.name)),
  ].filter(({ verdict }) => verdict !== "ok");
  if (faults.length > 0) return tellSome(NAME, faults.map(underName));
  return [
    { name: NAME, verdict: "ok", evidence: `${links.size} pods are as they must be on ${bridge.name}` },
  ];
}

function underName(finding: Finding): Finding {
  return { ...finding, name: NAME };
}
