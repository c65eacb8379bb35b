/**
 * One end of a TCP connection and of a UDP flow, each of which sends a byte every 20 ms both ways: the file
 * gets a "t" or a "u" for each byte that comes.
 * usage: node agent/testing/packets/ticking-flow.ts listen|talk ADDRESS PORT FILE
 */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { appendFileSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";

const TICK_MS = 20;

const [role = "", address = "", port = "", file = ""] = process.argv.slice(2);
writeFileSync(file, "");

function tickOver(socket: Socket): void {
  socket.on("data", (bytes) => appendFileSync(file, "t".repeat(bytes.length)));
  socket.on("error", () => undefined);
  setInterval(() => socket.write("."), TICK_MS);
}

function openDatagrams(): DatagramSocket {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (bytes) => appendFileSync(file, "u".repeat(bytes.length)));
  socket.on("error", () => undefined);
  return socket;
}

const datagrams = openDatagrams();
if (role === "listen") {
  createServer(tickOver).listen(Number(port), address, () => {
    datagrams.bind(Number(port), address, () => process.stdout.write("ready\n"));
  });
  // A peer that was heard once is answered whether it is heard again or not.
  datagrams.once("message", (_bytes, peer) => {
    setInterval(() => datagrams.send(".", peer.port, peer.address), TICK_MS);
  });
} else {
  tickOver(createConnection(Number(port), address));
  setInterval(() => datagrams.send(".", Number(port), address), TICK_MS);
  process.stdout.write("ready\n");
}
