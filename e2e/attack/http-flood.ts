/**
 * Keeps connections to an HTTP server busy with a thousand pipelined requests each, until it is ended; what
 * is closed is opened anew at once. Prints "flooding" when all have been opened once. usage: http-flood.ts
 * ADDRESS PORT CONNECTIONS
 */
import { connect } from "node:net";

const [host = "", port = "", count = ""] = process.argv.slice(2);
const requests = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
let opened = 0;

function open(): void {
  const socket = connect({ host, port: Number(port) }, () => {
    opened += 1;
    if (opened === Number(count)) console.log("flooding");
    socket.write(requests);
  });
  socket.on("error", () => socket.destroy()); // it is closed in any case
  socket.on("close", open);
  socket.resume();
}

for (let index = 0; index < Number(count); index++) open();
