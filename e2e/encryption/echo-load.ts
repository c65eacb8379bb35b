/**
 * Keeps a TCP connection to each address busy: sends a kilobyte every so often, and hears it again. Prints
 * "connected" when all are, and at SIGTERM one JSON object of what it has met ({@link EchoLoad}).
 * usage: node echo-load.ts PORT MARKER EVERY_MS ADDRESS...   MARKER: text that fills what is sent
 */
import { connect } from "node:net";

export interface EchoLoad {
  /** Of each address: echoed bytes, the longest silence between two of them, and why the connection ended. */
  readonly [address: string]: { readonly bytes: number; readonly gapMs: number; readonly error?: string };
}

const [port = "", marker = "", everyMs = "", ...addresses] = process.argv.slice(2);
const chunk = Buffer.alloc(1024, marker);
const seen: Record<string, { bytes: number; gapMs: number; error?: string }> = {};
const endings: (() => void)[] = [];

for (const address of addresses) {
  const state: (typeof seen)[string] = { bytes: 0, gapMs: 0 };
  seen[address] = state;
  let lastMs = Number.NaN;
  const endGap = (): void => {
    const nowMs = performance.now();
    if (!Number.isNaN(lastMs)) state.gapMs = Math.max(state.gapMs, Math.round(nowMs - lastMs));
    lastMs = nowMs;
  };
  const socket = connect({ host: address, port: Number(port), noDelay: true }, () => {
    setInterval(() => socket.write(chunk), Number(everyMs));
    endings.push(endGap);
    if (endings.length === addresses.length) console.log("connected");
  });
  socket.on("data", ({ length }) => {
    endGap();
    state.bytes += length;
  });
  socket.once("error", ({ message }) => {
    state.error = message;
  });
  socket.once("end", () => {
    state.error ??= "the server has ended it";
  });
}
process.once("SIGTERM", () => {
  for (const end of endings) end();
  console.log(JSON.stringify(seen));
  process.exit();
});
