/**
 * Sends a megabyte to each address at once and waits until it has come back. Prints one line for each:
 * address, the address that the server sees, and the bytes that came back, or the error. usage: tcp-client.ts
 * PORT ADDRESS...
 */
import { connect } from "node:net";

const [port = "", ...addresses] = process.argv.slice(2);
const BYTES = 1 << 20;

for (const address of addresses) {
  let seen = "";
  let received = 0;
  const socket = connect({ host: address, port: Number(port) }, () => socket.end(Buffer.alloc(BYTES, "x")));
  socket.setTimeout(5000, () => socket.destroy(new Error("timeout")));
  socket.on("data", (chunk) => {
    const end = seen.endsWith("\n") ? -1 : chunk.indexOf("\n");
    if (!seen.endsWith("\n")) seen += chunk.subarray(0, end + 1).toString();
    received += chunk.length - (end + 1);
  });
  socket.once("error", (error) => console.log(`${address} error ${error.message}`));
  socket.once("end", () => console.log(`${address} ${seen.trim()} ${received}`));
}
