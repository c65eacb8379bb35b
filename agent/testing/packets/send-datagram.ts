/**
 * Sends one datagram by a plain UDP socket, as any program may.
 * usage: node agent/testing/packets/send-datagram.ts SOURCE|any DESTINATION PORT HEX
 */
import { createSocket } from "node:dgram";

const [source = "any", destination = "", port = "", hex = ""] = process.argv.slice(2);
const socket = createSocket(destination.includes(":") ? "udp6" : "udp4");
socket.bind(0, source === "any" ? undefined : source, () => {
  // A port that is closed, or an address that nothing leads to, is no reason to fail: a test looks at what
  // arrives.
  socket.on("error", () => socket.close());
  socket.send(Buffer.from(hex, "hex"), Number(port), destination, () => socket.close());
});
