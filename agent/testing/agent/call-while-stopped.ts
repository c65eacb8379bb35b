import { eventually } from "../machine/eventually.ts";
import { runOnHost } from "../machine/netns.ts";
import type { AgentProcess, TestNode } from "./agent-process.ts";

export interface StoppedCall<Answer> {
  readonly node: TestNode;
  readonly agent: AgentProcess;
  /** What the agent would repair. */
  readonly damage: () => Promise<unknown>;
  /** Calls the shim. */
  readonly call: () => Promise<Answer>;
}

/**
 * Does damage while the agent stands still, and lets it go on when a call waits at its socket: however slow
 * the machine, the agent meets the call before it can repair.
 */
export async function callWhileStopped<Answer>(input: StoppedCall<Answer>): Promise<Answer> {
  const { node, agent, damage, call } = input;
  process.kill(agent.pid, "SIGSTOP");
  await damage();
  const answer = call();
  await eventually("the call waits at the agent's socket", async () => {
    const [, , waiting] = (await runOnHost("ss", "-Hxl", "src", node.socket)).split(/\s+/);
    return Number(waiting) > 0;
  });
  process.kill(agent.pid, "SIGCONT");
  return answer;
}
