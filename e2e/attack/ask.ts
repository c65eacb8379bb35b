/**
 * Sends bytes to a TCP server and prints everything that comes back until it ends the connection, or has been
 * silent for a second.
 * usage: ask.ts ADDRESS PORT <BYTES
 */
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";

const [host = "", port = ""] = process.argv.slice(2);
const bytes = await buffer(process.stdin);
const socket = connect({ host, port: Number(port) }, () => socket.write(bytes));
socket.setTimeout(1000, () => socket.destroy());
socket.on("error", () => socket.destroy()); // a server may end it at any point
socket.pipe(process.stdout);
