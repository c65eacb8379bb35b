import { connect } from "node:net";
import { decodeReplyFrame, encodeRequestFrame } from "../cni/request/frame.ts";
import type { NodeReport } from "./node-report.ts";
import {
  ARGUMENT_VARIABLE,
  type Cautions,
  type KeyAnswer,
  type PolicyAnswer,
  type PolicyQuestion,
  type Query,
  QUERY_VARIABLE,
  querySocket,
  type Verification,
} from "./query.ts";

/** An agent that works answers within milliseconds. */
export const ASK_TIMEOUT_MS = 1000;

/** One that is busy answers within this; one that is stopped never does. */
export const BUSY_TIMEOUT_MS = 2000;

/** What an agent answers, or why it does not. */
export type AgentAnswer<Answer = NodeReport> =
  | { readonly kind: "answer"; readonly report: Answer }
  | { readonly kind: "silent"; readonly reason: string };

export interface AskOptions<Asked = Query> {
  /** "report": with those of the other nodes that cannot be reached; "report all": with all. */
  readonly query: Asked;
  readonly timeoutMs: number;
  /** What the query is about. */
  readonly about?: string;
}

/** Asks the agent behind the shim's socket `socket` for its report. */
export function askAgent(
  socket: string,
  options: AskOptions<Extract<Query, "report" | "report all">>,
): Promise<AgentAnswer> {
  return ask<NodeReport>(socket, options);
}

/** Lets the agent compare everything with the kernel, as it does each minute, and tell what it finds. */
export function askForVerification(socket: string, timeoutMs: number): Promise<AgentAnswer<Verification>> {
  return ask<Verification>(socket, { query: "verify", timeoutMs });
}

/** What policies make of a packet; the agent reads the kernel's table for it. */
export function askForPolicies(
  socket: string,
  question: PolicyQuestion,
  timeoutMs: number,
): Promise<AgentAnswer<PolicyAnswer>> {
  return ask<PolicyAnswer>(socket, { query: "policies", about: JSON.stringify(question), timeoutMs });
}

export function askForCautions(socket: string, timeoutMs: number): Promise<AgentAnswer<Cautions>> {
  return ask<Cautions>(socket, { query: "cautions", timeoutMs });
}

/** This node's key; "rotate key" asks for a new one before that. */
export function askForKey(
  socket: string,
  options: AskOptions<Extract<Query, "key" | "rotate key">>,
): Promise<AgentAnswer<KeyAnswer>> {
  return ask<KeyAnswer>(socket, options);
}

async function ask<Answer>(
  socket: string,
  { query, about = "", timeoutMs }: AskOptions,
): Promise<AgentAnswer<Answer>> {
  try {
    const argument = about === "" ? {} : { [ARGUMENT_VARIABLE]: about };
    const frame = encodeRequestFrame({ [QUERY_VARIABLE]: query, ...argument }, "");
    const { exitCode, stdout } = decodeReplyFrame(await exchange(querySocket(socket), frame, timeoutMs));
    if (exitCode !== 0) return { kind: "silent", reason: stdout };
    return { kind: "answer", report: JSON.parse(stdout) as Answer };
  } catch (error) {
    return { kind: "silent", reason: describe(error, querySocket(socket)) };
  }
}

function describe(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return `there is no socket "${path}"`;
  if (code === "ECONNREFUSED") return `nothing listens on socket "${path}"`;
  if (code === "EACCES") return `socket "${path}" is accessible to root only`;
  return message;
}

/**
 * Sends a frame and gives everything that comes back. The sending side stays open: its end would mean that we
 * are gone.
 */
function exchange(path: string, frame: Buffer, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const connection = connect(path, () => connection.write(frame));
    const timer = setTimeout(() => {
      connection.destroy(new Error(`the agent has not answered on "${path}" within ${timeoutMs} ms`));
    }, timeoutMs);
    connection.on("data", (chunk: Buffer) => chunks.push(chunk));
    connection.once("error", reject);
    connection.once("close", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
  });
}
