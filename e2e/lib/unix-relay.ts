/**
 * Makes a TCP port of this network namespace reachable from every other one, as a unix socket. Prints
 * "listening" once it is.
 * usage: node unix-relay.ts SOCKET ADDRESS PORT
 */
import { connect, createServer } from "node:net";

const [socket = "", host = "", port = ""] = process.argv.slice(2);

const server = createServer((outer) => {
  const inner = connect({ host, port: Number(port) });
  outer.on("error", () => inner.destroy());
  // Nothing listens there now: the client sees its connection end without an answer.
  inner.on("error", () => outer.destroy());
  outer.pipe(inner).pipe(outer);
});
server.listen(socket, () => console.log("listening"));
