import { createSocket } from "node:dgram";
import { connect } from "node:net";

const TIMEOUT_MS = 700;

/**
 * Asks ports what stands behind them, all at once, and says in one line each the answer, or "nobody"; run by
 * Netns.call(). Arguments: tcp|udp,ADDRESS,PORT[,SOURCE_PORT] …
 */
export async function main(targets: readonly string[]): Promise<string> {
  return (await Promise.all(targets.map(ask))).join("\n");
}

async function ask(target: string): Promise<string> {
  const [protocol, address = "", port = "", source = "0"] = target.split(",");
  const answer = protocol === "udp" ? askUdp : askTcp;
  return answer(address, Number(port), Number(source));
}

function askTcp(host: string, port: number, localPort: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(localPort === 0 ? {} : { localPort }) });
    let text = "";
    const finish = (): void => {
      socket.destroy();
      resolve(text === "" ? "nobody" : text);
    };
    socket.setTimeout(TIMEOUT_MS, finish);
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    socket.on("error", finish);
    socket.on("close", finish);
  });
}

function askUdp(address: string, port: number, source: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: address.includes(":") ? "udp6" : "udp4", reuseAddr: true });
    const timer = setTimeout(() => finish("nobody"), TIMEOUT_MS);
    function finish(text: string): void {
      clearTimeout(timer);
      socket.close();
      resolve(text);
    }
    socket.on("message", (message) => finish(message.toString()));
    socket.on("error", () => finish("nobody"));
    socket.bind(source, () => socket.send("?", port, address));
  });
}
