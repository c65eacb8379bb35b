/**
 * Tells every client the address that it sees of it, in one line, and then gives back whatever the client
 * sends. usage: tcp-server.ts PORT
 */
import { createServer } from "node:net";

createServer((socket) => {
  socket.on("error", () => socket.destroy()); // a client that is ended early
  socket.write(`${socket.remoteAddress?.replace(/^::ffff:/, "")}\n`);
  socket.pipe(socket);
}).listen(Number(process.argv[2]), "::", () => console.log("listening"));
