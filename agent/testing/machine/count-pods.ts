import type { AgentProcess } from "../agent/agent-process.ts";

export interface PodCounts {
  /** Addresses taken, of all pools. */
  readonly taken: number;
  readonly attachments: number;
}

/**
 * What the agent says it keeps for pods, of one answer: each new one may take a second, since metrics are
 * collected once in that time.
 */
export async function countPods(agent: Pick<AgentProcess, "get">): Promise<PodCounts> {
  const { text } = (await agent.get("/metrics")) ?? { text: "" };
  const taken = [...text.matchAll(/^causeway_addresses\{[^}]*state="taken"\} (\d+)$/gm)];
  const attachments = /^causeway_attachments (\d+)$/m.exec(text)?.[1];
  if (taken.length === 0 || attachments === undefined)
    throw new Error(`Cannot count pods: no pool or no attachments in the metrics\n${text}`);
  return {
    taken: taken.reduce((sum, [, value]) => sum + Number(value), 0),
    attachments: Number(attachments),
  };
}

export const NO_PODS: PodCounts = { taken: 0, attachments: 0 };
