/**
 * Tells every TCP client the source address that it came with. Prints "listening" once it can be asked.
 * usage: node mirror-server.ts PORT
 */
import { createServer } from "node:net";

const server = createServer((socket) => {
  socket.on("error", () => socket.destroy());
  socket.end(`${(socket.remoteAddress ?? "").replace(/^::ffff:/, "")}\n`);
});
server.listen(Number(process.argv[2]), "::", () => console.log("listening"));
