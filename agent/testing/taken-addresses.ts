import type { AgentProcess } from "./agent-process.ts";

/** How many addresses the agent says are taken, of all its pools. */
export async function countTaken(agent: Pick<AgentProcess, "get">): Promise<number> {
  const { text } = (await agent.get("/metrics")) ?? { text: "" };
  const values = [...text.matchAll(/^causeway_addresses\{[^}]*state="taken"\} (\d+)$/gm)];
  if (values.length === 0) throw new Error(`Cannot count taken addresses: no pool in the metrics\n${text}`);
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}
