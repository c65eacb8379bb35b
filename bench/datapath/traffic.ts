import { run } from "../machine.ts";

/** What is sent, see traffic.c. */
export type Kind = "stream" | "rr" | "crr" | "udp";

/** From where to where. */
export interface Path {
  /** Paths of network namespaces. */
  readonly server: string;
  readonly client: string;
  /** At which the client reaches the server. */
  readonly address: string;
}

const PORT = "5001";

/** Sends for so long; gives the nanoseconds that each byte, round trip or datagram took. */
export function measureTraffic(kind: Kind, { server, client, address }: Path, milliseconds: number): number {
  const program = new URL("../../dist/bench/traffic", import.meta.url).pathname;
  const [arrived = 0, nanoseconds = 0] = run([
    program,
    kind,
    server,
    client,
    address,
    PORT,
    String(milliseconds),
  ])
    .split(" ")
    .map(Number);
  if (arrived === 0) throw new Error(`Cannot measure "${kind}": nothing arrived at ${address}`);
  return nanoseconds / arrived;
}
