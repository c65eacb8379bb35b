/**
 * Sends bytes to a server that answers after the last one; prints how many milliseconds that took.
 * usage: node send-bytes.ts ADDRESS PORT BYTES
 */
import { connect } from "node:net";

const [host = "", port = "", bytes = ""] = process.argv.slice(2);

const startMs = performance.now();
const socket = connect({ host, port: Number(port) }, () => socket.end(Buffer.alloc(Number(bytes))));
socket.on("data", () => console.log(performance.now() - startMs));
