import { run } from "../machine.ts";

/** What is sent, see traffic.c. */
export type Kind = "stream" | "rr" | "crr" | "udp";

/** What each kind is called, and its rate of the nanoseconds of one byte, round trip or datagram. */
export const KINDS: readonly {
  readonly kind: Kind;
  readonly text: string;
  readonly rateOf: (nanoseconds: number) => number;
}[] = [
  { kind: "stream", text: "TCP stream, Gbit/s", rateOf: (ns) => 8 / ns },
  { kind: "rr", text: "TCP request and response, thousands a second", rateOf: (ns) => 1e6 / ns },
  { kind: "crr", text: "the same with a connection each, thousands a second", rateOf: (ns) => 1e6 / ns },
  { kind: "udp", text: "UDP, smallest frames, thousands a second", rateOf: (ns) => 1e6 / ns },
];

/** Where traffic goes. */
export type Way = "same node" | "across nodes" | "across nodes, VXLAN" | "outside";

export const WAYS: readonly Way[] = ["same node", "across nodes", "across nodes, VXLAN", "outside"];

/** Name of the row that has one kind of traffic on one way. */
export function rowName(way: Way, text: string): string {
  return `${way}: ${text}`;
}

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
  return nanoseconds / arrived;
}
