import { createSocket } from "node:dgram";

/**
 * Sends one datagram by a plain UDP socket, as any program may; run by Netns.call().
 * Arguments: SOURCE|any DESTINATION PORT HEX.
 */
export function main([
  source = "any",
  destination = "",
  port = "",
  hex = "",
]: readonly string[]): Promise<string> {
  const socket = createSocket(destination.includes(":") ? "udp6" : "udp4");
  return new Promise((resolve, reject) => {
    const finish = (): void => void socket.close(() => resolve(""));
    socket.once("error", reject);
    socket.bind(0, source === "any" ? undefined : source, () => {
      // A port that is closed, or an address that nothing leads to, is no reason to fail: a test looks at
      // what arrives.
      socket.removeListener("error", reject);
      socket.once("error", finish);
      socket.send(Buffer.from(hex, "hex"), Number(port), destination, finish);
    });
  });
}
