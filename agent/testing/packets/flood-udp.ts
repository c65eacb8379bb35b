/**
 * Sends datagrams to port 9 of all addresses, over and over, whether they get anywhere or not, until it is
 * killed.
 * usage: node agent/testing/packets/flood-udp.ts ADDRESS …
 */
import { createSocket } from "node:dgram";

const socket = createSocket({ type: "udp4" });
socket.on("error", () => undefined);
const addresses = process.argv.slice(2);

function sendRound(): void {
  let left = addresses.length;
  for (const address of addresses)
    socket.send("?", 9, address, () => {
      if (--left === 0) setTimeout(sendRound, 1);
    });
}

socket.bind(0, () => {
  process.stdout.write("ready\n");
  sendRound();
});
