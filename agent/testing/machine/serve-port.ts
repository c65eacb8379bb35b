/**
 * A pod's program: answers on TCP and UDP, IPv4 and IPv6, with its name and the address that it was asked
 * from.
 * usage: node agent/testing/machine/serve-port.ts NAME PORT
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

const [name = "", port = ""] = process.argv.slice(2);

/** Without the form in which a socket of both families shows an IPv4 address. */
function plain(address = ""): string {
  return address.replace(/^::ffff:/, "");
}

const server = createServer((socket) => {
  socket.on("error", () => undefined);
  socket.end(`${name} ${plain(socket.remoteAddress)}`);
});
server.listen(Number(port), "::");
await once(server, "listening");

const socket = createSocket("udp6", (_message, { address, port: from }) =>
  socket.send(`${name} ${plain(address)}`, from, address),
);
socket.bind(Number(port), "::");
await once(socket, "listening");
process.stdout.write("ready\n");
