/**
 * Numbers that go to and fro: counts those that do not come back.
 * usage: node agent/testing/packets/sequence.ts echo|talk PORT ADDRESS …
 *   echo   sends all back that comes, by TCP and UDP
 *   talk   one TCP connection and one UDP socket for each address, a number every 5 ms, until SIGINT; then
 *          prints Flow[] as JSON, once the last have come back
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export interface Flow {
  readonly name: string;
  readonly sent: number;
  /** Of TCP only those that have come back in order count. */
  readonly lost: number;
}

const PAUSE_MS = 5;
/**
 * So long after the last number that has come nothing more is expected; TCP repeats what is lost for longer.
 */
const SILENCE_MS = 5000;
/** A program that does not run for two seconds loses nothing. */
const BUFFER_BYTES = 200_000;
const NUMBER_BYTES = 4;

interface Talk {
  readonly name: string;
  send(): void;
  sent: number;
  returned: number;
}

function bytesOf(number: number): Buffer {
  const bytes = Buffer.alloc(NUMBER_BYTES);
  bytes.writeUInt32BE(number);
  return bytes;
}

function typeOf(address: string): "udp4" | "udp6" {
  return address.includes(":") ? "udp6" : "udp4";
}

async function talkTcp(host: string, port: number): Promise<Talk> {
  const socket = connect({ host, port, noDelay: true });
  await once(socket, "connect");
  const talk = {
    name: `TCP to ${host}`,
    sent: 0,
    returned: 0,
    send: () => void socket.write(bytesOf(talk.sent++)),
  };
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (; rest.length >= NUMBER_BYTES; rest = rest.subarray(NUMBER_BYTES))
      if (rest.readUInt32BE() === talk.returned) talk.returned += 1;
  });
  socket.on("error", () => socket.destroy()); // what does not come back is counted
  return talk;
}

async function talkUdp(host: string, port: number): Promise<Talk> {
  const socket = createSocket({ type: typeOf(host), recvBufferSize: BUFFER_BYTES });
  const seen = new Set<number>();
  const talk = {
    name: `UDP to ${host}`,
    sent: 0,
    returned: 0,
    send: () => socket.send(bytesOf(talk.sent++), port, host, () => undefined),
  };
  socket.on("message", (message) => {
    seen.add(message.readUInt32BE());
    talk.returned = seen.size;
  });
  socket.bind();
  await once(socket, "listening");
  return talk;
}

async function talkTo(port: number, addresses: readonly string[]): Promise<readonly Flow[]> {
  const talks: Talk[] = [];
  for (const address of addresses) talks.push(await talkTcp(address, port), await talkUdp(address, port));
  const timer = setInterval(() => talks.forEach((talk) => talk.send()), PAUSE_MS);
  await once(process, "SIGINT");
  clearInterval(timer);
  const total = (of: "sent" | "returned"): number => talks.reduce((sum, talk) => sum + talk[of], 0);
  for (let silentMs = 0, before = total("returned"); silentMs < SILENCE_MS; silentMs += PAUSE_MS) {
    if (total("returned") === total("sent")) break;
    await delay(PAUSE_MS);
    if (total("returned") !== before) [silentMs, before] = [0, total("returned")];
  }
  return talks.map(({ name, sent, returned }) => ({ name, sent, lost: sent - returned }));
}

async function echo(port: number, address: string): Promise<void> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  const socket = createSocket({ type: typeOf(address), recvBufferSize: BUFFER_BYTES });
  socket.on("message", (message, from) => socket.send(message, from.port, from.address, () => undefined));
  socket.bind(port, address);
  await once(socket, "listening");
  server.listen(port, address);
  await once(server, "listening");
}

const [role, port, ...addresses] = process.argv.slice(2);
if (role === "echo") for (const address of addresses) await echo(Number(port), address);
else
  process.stdout.write(`${JSON.stringify(await talkTo(Number(port), addresses))}\n`, () => process.exit(0));
