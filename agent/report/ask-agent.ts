import { connect } from "node:net";
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

/** What an agent answers, or why it does not. */
/** An agent that works answers within milliseconds. */
export const ASK_TIMEOUT_MS = 1000;

/** One that is busy answers within this; one that is stopped never does. */
export const BUSY_TIMEOUT_MS = 2000;

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
    const { exitCode, stdout } = decodeReply(
      await exchange(querySocket(socket), encodeQuery(query, about), timeoutMs),
    );
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

/** docs/protocol.md. */
const REQUEST_HEADER_BYTES = 24;
const REPLY_HEADER_BYTES = 12;
const PROTOCOL_VERSION = 1;

function encodeQuery(query: Query, about: string): Buffer {
  const argument = about === "" ? "" : `${ARGUMENT_VARIABLE}=${about}\0`;
  const block = Buffer.from(`${QUERY_VARIABLE}=${query}\0${argument}`);
  const header = Buffer.alloc(REQUEST_HEADER_BYTES);
  header.write("CWAY", "latin1");
  header.writeUInt32BE(REQUEST_HEADER_BYTES - 8 + block.length, 4);
  header.writeUInt16BE(PROTOCOL_VERSION, 8);
  header.writeUInt32BE(block.length, 12);
  return Buffer.concat([header, block]);
}

function decodeReply(reply: Buffer): { readonly exitCode: number; readonly stdout: string } {
  if (reply.length < REPLY_HEADER_BYTES || reply.readUInt32BE(4) !== reply.length - 8)
    throw new Error(`the agent closed the connection after ${reply.length} bytes`);
  if (reply.readUInt16BE(8) !== PROTOCOL_VERSION)
    throw new Error("the agent speaks another protocol version");
  return { exitCode: reply.readUInt16BE(10), stdout: reply.toString("utf8", REPLY_HEADER_BYTES) };
}
