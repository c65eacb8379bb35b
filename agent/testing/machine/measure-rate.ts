/**
 * Receives what one TCP connection brings, and prints the rate at which it comes in through eth0 in bits a
 * second, without the first SETTLE_MS, in which the connection finds the limit. usage: node
 * agent/testing/machine/measure-rate.ts receive PORT SETTLE_MS MS | send ADDRESS PORT
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";

const [role, ...args] = process.argv.slice(2);

if (role === "send") {
  const socket = connect({ host: args[0] ?? "", port: Number(args[1]) });
  const block = Buffer.alloc(256 * 1024);
  const fill = (): void => {
    while (socket.writable && socket.write(block));
  };
  socket.on("error", () => undefined);
  socket.on("drain", fill);
  socket.on("connect", fill);
} else {
  const server = createServer().listen(Number(args[0]), "0.0.0.0");
  await once(server, "listening");
  process.stdout.write("ready\n");
  const [socket] = (await once(server, "connection")) as [Socket];
  socket.resume();
  await after(Number(args[1]));
  const [start, startNs] = [receivedBytes(), process.hrtime.bigint()];
  await after(Number(args[2]));
  const seconds = Number(process.hrtime.bigint() - startNs) / 1e9;
  process.stdout.write(`${Math.round(((receivedBytes() - start) * 8) / seconds)}\n`);
  process.exit(0);
}

/** Not what the program gets: what waited behind a lost packet comes to it all at once. */
function receivedBytes(): number {
  return Number(/eth0:\s*(\d+)/.exec(readFileSync("/proc/net/dev", "utf8"))?.[1]);
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
