import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/** Without the form in which a socket of both families shows an IPv4 address. */
function plain(address = ""): string {
  return address.replace(/^::ffff:/, "");
}

/**
 * A pod's program, run by Netns.call(): answers on TCP and UDP, IPv4 and IPv6, with its name and the address
 * that it was asked from, until the namespace goes. Arguments: NAME PORT.
 */
export async function main([name = "", port = ""]: readonly string[]): Promise<string> {
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
  return "";
}
