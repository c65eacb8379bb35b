import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

export interface ReceivedFrame {
  readonly startedNs: bigint;
  readonly environment: ReadonlyMap<string, string>;
  readonly stdin: string;
}

/** What an agent does with a connection once the whole frame is there. */
export type Behaviour = (connection: Socket, frame: ReceivedFrame) => void;

export interface FakeAgent extends AsyncDisposable {
  readonly frames: readonly ReceivedFrame[];
}

/** A reply frame, laid out as docs/protocol.md says. */
export function replyFrame(
  body: string,
  { exitCode = 0, version = 1, length = 4 + Buffer.byteLength(body) } = {},
): Buffer {
  const header = Buffer.alloc(12);
  header.write("CWAY", "latin1");
  header.writeUInt32BE(length, 4);
  header.writeUInt16BE(version, 8);
  header.writeUInt16BE(exitCode, 10);
  return Buffer.concat([header, Buffer.from(body)]);
}

export function replyWith(bytes: Uint8Array): Behaviour {
  return (connection) => connection.end(bytes);
}

/** An agent on a unix socket. It cannot see the descriptors that came along (test/fd-agent.c can). */
export async function startFakeAgent(socket: string, behaviour: Behaviour): Promise<FakeAgent> {
  const frames: ReceivedFrame[] = [];
  const connections = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    connections.add(connection);
    let bytes = Buffer.alloc(0);
    connection.on("error", () => undefined); // the shim may be gone
    connection.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < 8 || bytes.length < 8 + bytes.readUInt32BE(4)) return;
      const frame = decodeFrame(bytes);
      frames.push(frame);
      behaviour(connection, frame);
    });
  });
  await listen(server, socket);
  return {
    frames,
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function listen(server: Server, socket: string): Promise<void> {
  server.listen(socket);
  await once(server, "listening");
}

function decodeFrame(bytes: Buffer): ReceivedFrame {
  const magic = bytes.toString("latin1", 0, 4);
  const [length, version, flags] = [bytes.readUInt32BE(4), bytes.readUInt16BE(8), bytes.readUInt16BE(10)];
  if (magic !== "CWAY" || version !== 1 || flags !== 0 || bytes.length !== 8 + length) {
    throw new Error(
      `Bad frame: magic ${magic}, version ${version}, flags ${flags}, length ${length} of ${bytes.length}`,
    );
  }
  const stdinStart = 24 + bytes.readUInt32BE(12);
  const entries = bytes.toString("utf8", 24, stdinStart).split("\0").slice(0, -1);
  return {
    startedNs: bytes.readBigUInt64BE(16),
    environment: new Map(
      entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
    ),
    stdin: bytes.toString("utf8", stdinStart),
  };
}
