import { run } from "../machine.ts";

/** What is sent, see traffic.c. */
export type Kind = "stream" | "rr" | "crr" | "udp" | "udp-answered";

/** What each kind is called, and how many there are a second if one byte, round trip or datagram takes so long. */
export const KINDS: readonly {
  readonly kind: Kind;
  readonly text: string;
  readonly rateOf: (nanoseconds: number) => number;
}[] = [
  { kind: "stream", text: "TCP stream, Gbit", rateOf: (ns) => 8 / ns },
  { kind: "rr", text: "TCP request and response, thousands", rateOf: (ns) => 1e6 / ns },
  { kind: "crr", text: "the same with a connection each, thousands", rateOf: (ns) => 1e6 / ns },
  { kind: "udp", text: "UDP, smallest frames, thousands", rateOf: (ns) => 1e6 / ns },
];

/**
 * What is measured of each kind. On a machine that does something else as well, the time is more of the
 * machine than of the path; the CPU is not.
 */
export const MEASURES = [
  { measure: "time", text: "a second" },
  { measure: "cpu", text: "for a second of CPU" },
] as const;

export type Measure = (typeof MEASURES)[number]["measure"];

/** Nanoseconds that one byte, round trip or datagram took. */
export type Cost = Readonly<Record<Measure, number>>;

/** Where traffic goes. */
export type Way = "same node" | "across nodes" | "across nodes, VXLAN" | "outside";

export const WAYS: readonly Way[] = ["same node", "across nodes", "across nodes, VXLAN", "outside"];

/** Name of the row that has one measure of one kind of traffic on one way. */
export function rowName(way: Way, kind: string, measure: Measure): string {
  const unit = MEASURES.find((one) => one.measure === measure)?.text ?? "";
  return `${way}: ${kind} ${unit}`;
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

/** Sends for so long; CPU is that of both sides together, with what the kernel does on the way. */
export function measureTraffic(kind: Kind, { server, client, address }: Path, milliseconds: number): Cost {
  const program = new URL("../../dist/bench/traffic", import.meta.url).pathname;
  const command = [program, kind, server, client, address, PORT, String(milliseconds)];
  const [arrived = 0, time = 0, cpu = 0] = run(command).split(" ").map(Number);
  return { time: time / arrived, cpu: cpu / arrived };
}
