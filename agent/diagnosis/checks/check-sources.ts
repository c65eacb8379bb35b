import { counted } from "../../text/count.ts";
import { diffElements, diffTable, type ObservedTable } from "../../plan/nft/diff-table.ts";
import { planPortGuard } from "../../plan/rules/port-guard.ts";
import { withElements } from "../../plan/rules/ruleset.ts";
import { TABLE_NAME } from "../../plan/nft/nft-table.ts";
import {
  ANY_SOURCE_SET,
  formatSourceElement,
  planSourceElements,
  type SourceBinding,
} from "../../plan/pods/sources.ts";
import { agentRemedy } from "../agent/check-agent.ts";
import type { Finding } from "../finding.ts";
import type { PathObservation, PodEnd } from "../path-observation.ts";
import { elementCommand } from "../shell.ts";
import { limitFindings } from "../limit-findings.ts";

export interface SourcesObservation {
  readonly nodeName: string;
  /** The bridge's table; undefined: there is none. */
  readonly table: ObservedTable | undefined;
  /**
   * What each pod may send from. `anySource`: its annotation asks for it, which counts only where the
   * operator allows it.
   */
  readonly pods: readonly SourceBinding[];
}

const NAME = "source check";
const NO_TABLE = `table bridge ${TABLE_NAME} is missing: pods can send from any address`;

/** Whether every pod may send from its addresses, and from no others. */
export function checkSources({ nodeName, table, pods }: SourcesObservation): readonly Finding[] {
  const remedy = agentRemedy(nodeName);
  const told = (evidence: string): Finding => ({ name: NAME, verdict: "fail", evidence, remedy });
  if (table === undefined) return [told(NO_TABLE)];
  const observed = withoutGone(table, pods);
  const free = new Set(elementsOf(observed, ANY_SOURCE_SET));
  const elements = pods.flatMap(({ anySource, ...pod }) =>
    planSourceElements({ ...pod, anySource: anySource && free.has(pod.hostLink) }),
  );
  const [planned = planPortGuard()] = withElements([planPortGuard()], {
    ports: [],
    sources: elements,
    fastLinks: [],
  });
  const lacking = planned.sets.flatMap((set) => {
    const found = observed.sets.find(({ name }) => name === set.name);
    const added = found === undefined ? [] : diffElements(set, found).added;
    return added.map((element) => ({ set: set.name, element }));
  });
  const isLacking = new Set(lacking.map(({ element }) => element));
  const sets = planned.sets.map((set) => {
    return { ...set, elements: set.elements.filter((element) => !isLacking.has(element)) };
  });
  const faults = [
    ...lacking.map(({ set, element }) => explainLack(NAME, set, element)),
    ...diffTable({ planned: { ...planned, sets }, observed }).map(told),
  ];
  if (faults.length > 0) return limitFindings(NAME, faults);
  const exempt = free.size === 0 ? "" : `; ${free.size} of them may use any`;
  return [
    {
      name: NAME,
      verdict: "ok",
      evidence: `source addresses of ${counted(pods.length, "pod")} are checked${exempt}`,
    },
  ];
}

/** Elements of links that have gone, as pods go while the agent is away, say nothing about any port. */
function withoutGone(table: ObservedTable, pods: readonly SourceBinding[]): ObservedTable {
  const links = new Set(pods.map(({ hostLink }) => hostLink));
  const isThere = (element: string): boolean => links.has(element.split(" . ")[0] ?? "");
  return { ...table, sets: table.sets.map((set) => ({ ...set, elements: set.elements.filter(isThere) })) };
}

/** Whether what a pod sends under its own address passes the check at its port. */
export function explainSourceCheck(
  name: string,
  { address, hostLink: { name: hostLink } }: Pick<PodEnd, "address" | "hostLink">,
  { nodeName, guard }: Pick<PathObservation, "nodeName" | "guard">,
): Finding {
  if ("error" in guard) return { name, verdict: "info", evidence: `unknown: ${guard.error}` };
  if (guard.value === undefined)
    return { name, verdict: "warn", evidence: NO_TABLE, remedy: agentRemedy(nodeName) };
  if (elementsOf(guard.value, ANY_SOURCE_SET).includes(hostLink))
    return { name, verdict: "ok", evidence: `${hostLink} may send from any address` };
  const own = { hostLink, addresses: [address], mac: undefined, anySource: false };
  for (const element of planSourceElements(own)) {
    const text = formatSourceElement(element);
    if (!elementsOf(guard.value, element.set).includes(text)) return explainLack(name, element.set, text);
  }
  return { name, verdict: "ok", evidence: `${hostLink} may send from ${address}` };
}

function explainLack(name: string, set: string, element: string): Finding {
  const evidence = `set ${set} lacks ${element}: what the pod sends from there is dropped`;
  return { name, verdict: "fail", evidence, remedy: elementCommand("bridge", set, element) };
}

function elementsOf(table: ObservedTable, name: string): readonly string[] {
  return table.sets.find((set) => set.name === name)?.elements ?? [];
}
