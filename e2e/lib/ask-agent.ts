import { askAgent, askForVerification } from "../../agent/report/ask-agent.ts";
import type { NodeReport } from "../../agent/report/node-report.ts";

const ANSWER_WITHIN_MS = 20_000;

/** What a verification by the agent behind this socket finds. */
export async function verifyThrough(socket: string): Promise<readonly string[]> {
  const answer = await askForVerification(socket, ANSWER_WITHIN_MS);
  return answer.kind === "answer" ? answer.report.faults : [`no answer: ${answer.reason}`];
}

/** What the agent behind this socket tells of its node; throws when it does not answer. */
async function reportThrough(socket: string): Promise<NodeReport> {
  const answer = await askAgent(socket, { query: "report", timeoutMs: ANSWER_WITHIN_MS });
  if (answer.kind === "silent") throw new Error(`No answer of the agent: ${answer.reason}`);
  return answer.report;
}

/**
 * How many attachments there are on the node of the agent behind this socket, and how many addresses it has
 * given. Its metrics tell the same, but are up to a second old.
 */
export async function countThrough(
  socket: string,
): Promise<{ readonly attachments: number; readonly addresses: number }> {
  const { attachments, pools } = await reportThrough(socket);
  return { attachments: attachments.length, addresses: pools.reduce((sum, { taken }) => sum + taken, 0) };
}

/** Why the agent behind this socket is not ready; undefined when it is. */
export async function unreadinessThrough(socket: string): Promise<string | undefined> {
  const { readiness } = await reportThrough(socket);
  if (readiness?.isReady === true) return undefined;
  return (readiness?.reasons ?? []).map(({ part, reason }) => `${part}: ${reason}`).join("; ");
}

/**
 * Gives those errors that the agent behind a socket remembers, and that were not given before; one that was
 * started anew begins anew.
 */
export function newErrorsThrough(socket: () => string): () => Promise<readonly string[]> {
  let judgedMs = 0;
  return async () => {
    const { problems } = await reportThrough(socket());
    const errors = problems.filter(({ level, atMs }) => level === "error" && atMs > judgedMs);
    judgedMs = Math.max(judgedMs, ...problems.map(({ atMs }) => atMs));
    return errors.map(({ message }) => message);
  };
}
