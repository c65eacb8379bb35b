import { counted } from "../../text/count.ts";
import { cidrFromCanonical } from "../../net/cidr.ts";
import type { ObservedTable } from "../../plan/nft/diff-table.ts";
import { listOverlayElements, RECEIVING_CHAIN } from "../../plan/rules/overlay-guard.ts";
import { TABLE_NAME } from "../../plan/nft/nft-table.ts";
import { agentRemedy } from "../agent/check-agent.ts";
import type { OverlayRoute } from "./check-peers.ts";
import type { Finding } from "../finding.ts";
import type { GuardElement, OverlayObservation } from "../path-observation.ts";
import { elementCommand } from "../shell.ts";
import { limitFindings } from "../limit-findings.ts";

export interface OverlayGuardObservation {
  readonly nodeName: string;
  readonly overlays: readonly OverlayRoute[];
  /** The table of family inet; undefined: there is none. */
  readonly table: ObservedTable | undefined;
}

const NAME = "overlay guard";

/** Whether what nodes behind VXLAN send is let in, and what others send is not. */
export function checkOverlayGuard({
  nodeName,
  overlays,
  table,
}: OverlayGuardObservation): readonly Finding[] {
  if (overlays.length === 0)
    return [{ name: NAME, verdict: "ok", evidence: "no node is reached through VXLAN" }];
  if (table?.chains.some(({ name }) => name === RECEIVING_CHAIN) !== true)
    return [
      {
        name: NAME,
        verdict: "fail",
        evidence: `chain ${RECEIVING_CHAIN} of table inet ${TABLE_NAME} is missing: anyone who can reach the node can inject packets into the overlay`,
        remedy: agentRemedy(nodeName),
      },
    ];
  const sets = new Map(table.sets.map(({ name, elements }) => [name, new Set(elements)]));
  const lacking = overlays.flatMap(({ podCidr, remote }) => {
    if (remote === undefined) return [];
    const wanted = listOverlayElements({ addresses: [remote], cidrs: [cidrFromCanonical(podCidr)] });
    return wanted.filter(({ set, element }) => sets.get(set)?.has(element) !== true);
  });
  // Of two PodCIDRs of one node, its addresses are the same.
  const faults = new Map(lacking.map((own) => [`${own.set} ${own.element}`, explainLack(own)]));
  if (faults.size > 0) return limitFindings(NAME, [...faults.values()]);
  const nodes = new Set(overlays.flatMap(({ remote }) => remote ?? []));
  return [
    {
      name: NAME,
      verdict: "ok",
      evidence: `accepts packets of ${counted(nodes.size, "node")}, each from its own PodCIDRs`,
    },
  ];
}

/** Whether the answers of a node behind VXLAN are let in. */
export function explainOverlayGuard(remote: string, { lacking }: OverlayObservation): readonly Finding[] {
  if (lacking === undefined) return [];
  if ("error" in lacking) return [{ name: NAME, verdict: "info", evidence: `unknown: ${lacking.error}` }];
  if (lacking.value.length > 0) return lacking.value.slice(0, 1).map(explainLack);
  return [{ name: NAME, verdict: "ok", evidence: `accepts what node ${remote} sends from its PodCIDR` }];
}

function explainLack({ set, element }: GuardElement): Finding {
  const kind = element.includes(" : ") ? "map" : "set";
  const evidence = `${kind} ${set} lacks ${element}: what the node sends from there is dropped`;
  return { name: NAME, verdict: "fail", evidence, remedy: elementCommand("inet", set, element) };
}
