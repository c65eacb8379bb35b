import type { MarkObservation } from "../../diagnosis/checks/check-policies.ts";
import type { PathObservation } from "../../diagnosis/path-observation.ts";
import { listMarkUsers } from "../../kernel/nft/foreign/mark-users.ts";
import type { NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import { PROTOCOL_NUMBERS } from "../../plan/pods/host-ports.ts";
import type { Target } from "../../diagnosis/target.ts";
import type { AgentAnswer } from "../../report/ask-agent.ts";
import type { PolicyAnswer, PolicyQuestion } from "../../report/query.ts";
import { listLegacyTables } from "./observe-forward-chains.ts";

export interface AskedPath {
  readonly source: string;
  readonly target: Target;
  /** Asks the agent what policies make of a packet; undefined while it is away. */
  readonly askForPolicies: ((question: PolicyQuestion) => Promise<AgentAnswer<PolicyAnswer>>) | undefined;
}

/** What policies make of the packet: behind a translation, `translated`, by the port that it leads to. */
export async function observePolicies(
  { source, target, askForPolicies }: AskedPath,
  destination: string,
  translated: { readonly port: number | undefined } | undefined,
): Promise<PathObservation["policies"]> {
  if (askForPolicies === undefined) return { kind: "untold" };
  const protocol = target.port === undefined ? 0 : PROTOCOL_NUMBERS[target.port.protocol];
  const port = translated?.port ?? target.port?.number ?? 0;
  const answer = await askForPolicies({ source, destination, protocol, port });
  if (answer.kind === "silent") return { kind: "unknown", reason: answer.reason };
  const { trace, faults } = answer.report;
  if (trace === undefined) return { kind: "untold" };
  if (target.port === undefined) return { kind: "no port" };
  return {
    kind: "judged",
    trace,
    faults,
    isPortGuessed: translated !== undefined && translated.port === undefined,
  };
}

/** Who has to do with connections' marks besides policies; nothing is read where none are enforced. */
export async function observeMarks(
  netfilter: Pick<NetlinkClient, "dump">,
  agent: AgentAnswer,
): Promise<MarkObservation> {
  const markBit = agent.kind === "answer" ? agent.report.agent?.settings.policyMarkBit : undefined;
  if (markBit === undefined) return { markBit, users: [], legacyTables: [] };
  return { markBit, users: await listMarkUsers(netfilter), legacyTables: await listLegacyTables() };
}
