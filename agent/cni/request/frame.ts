import { CNI_CODE, CniError } from "../cni-error.ts";
import { showValue } from "../../text/show-value.ts";

/** Version of the shim protocol that this agent speaks (docs/protocol.md). */
const PROTOCOL_VERSION = 1;

const MAGIC = "CWAY";
const REQUEST_HEADER_LENGTH = 24;
const REPLY_HEADER_LENGTH = 12;

/** A request frame, decoded but not yet understood. */
export interface RequestFrame {
  /** CLOCK_MONOTONIC in nanoseconds when the shim started. */
  readonly startedNs: bigint;
  readonly environment: ReadonlyMap<string, string>;
  readonly stdin: string;
}

/**
 * Decodes a frame of which the addon has checked magic and length. Throws CniError 11 for another protocol
 * version (an upgrade is under way) and 5 for a frame that contradicts itself.
 */
export function decodeRequestFrame(frame: Buffer): RequestFrame {
  if (frame.length < REQUEST_HEADER_LENGTH)
    throw malformed(`${frame.length} bytes are too short for a header`);
  const version = frame.readUInt16BE(8);
  if (version !== PROTOCOL_VERSION) {
    const message = `Cannot read request: shim speaks protocol ${version}, agent ${PROTOCOL_VERSION}`;
    throw new CniError(CNI_CODE.tryAgainLater, message);
  }
  const environmentLength = frame.readUInt32BE(12);
  const stdinStart = REQUEST_HEADER_LENGTH + environmentLength;
  if (stdinStart > frame.length)
    throw malformed(`environment of ${environmentLength} bytes exceeds the frame`);
  return {
    startedNs: frame.readBigUInt64BE(16),
    environment: decodeEnvironment(frame.toString("utf8", REQUEST_HEADER_LENGTH, stdinStart)),
    stdin: frame.toString("utf8", stdinStart),
  };
}

/** A frame as docs/protocol.md tells the shim to write it. `startedNs`: see {@link RequestFrame}. */
export function encodeRequestFrame(
  environment: Readonly<Record<string, string>>,
  stdin: string,
  { startedNs = 0n, version = PROTOCOL_VERSION } = {},
): Buffer {
  const entries = Object.entries(environment).map(([key, value]) => `${key}=${value}\0`);
  const block = Buffer.from(entries.join(""));
  const body = Buffer.from(stdin);
  const header = Buffer.alloc(REQUEST_HEADER_LENGTH);
  header.write(MAGIC, "latin1");
  header.writeUInt32BE(REQUEST_HEADER_LENGTH - 8 + block.length + body.length, 4);
  header.writeUInt16BE(version, 8);
  header.writeUInt32BE(block.length, 12);
  header.writeBigUInt64BE(startedNs, 16);
  return Buffer.concat([header, block, body]);
}

function decodeEnvironment(block: string): ReadonlyMap<string, string> {
  if (block !== "" && !block.endsWith("\0")) throw malformed("environment does not end with NUL");
  const environment = new Map<string, string>();
  for (const entry of block.split("\0").slice(0, -1)) {
    const separator = entry.indexOf("=");
    if (separator < 1) throw malformed(`environment entry ${showValue(entry)} is not KEY=VALUE`);
    environment.set(entry.slice(0, separator), entry.slice(separator + 1));
  }
  return environment;
}

function malformed(cause: string): CniError {
  return new CniError(CNI_CODE.ioFailure, `Cannot read request frame: ${cause}`);
}

/** What the shim prints on stdout and its exit code. */
export interface Reply {
  readonly exitCode: 0 | 1;
  readonly stdout: string;
}

/** Throws if the frame is cut short, or of another protocol version. */
export function decodeReplyFrame(reply: Buffer): { readonly exitCode: number; readonly stdout: string } {
  if (reply.length < REPLY_HEADER_LENGTH || reply.readUInt32BE(4) !== reply.length - 8)
    throw new Error(`the agent closed the connection after ${reply.length} bytes`);
  if (reply.readUInt16BE(8) !== PROTOCOL_VERSION)
    throw new Error("the agent speaks another protocol version");
  return { exitCode: reply.readUInt16BE(10), stdout: reply.toString("utf8", REPLY_HEADER_LENGTH) };
}

export function encodeReplyFrame({ exitCode, stdout }: Reply): Buffer {
  const body = Buffer.from(stdout, "utf8");
  const header = Buffer.alloc(REPLY_HEADER_LENGTH);
  header.write(MAGIC, "latin1");
  header.writeUInt32BE(REPLY_HEADER_LENGTH - 8 + body.length, 4);
  header.writeUInt16BE(PROTOCOL_VERSION, 8);
  header.writeUInt16BE(exitCode, 10);
  return Buffer.concat([header, body]);
}
