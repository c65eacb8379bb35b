import { type Collector, createCollector, type Row } from "../collector.ts";
import { measureTraffic } from "../datapath/traffic.ts";
import { runOneByOne } from "../run-program.ts";
import { inTurn } from "../turns.ts";
import { COMING, type PolicyNode, STAYING } from "./nodes.ts";

export interface NodesInput {
  /** The first one is the baseline. */
  readonly nodes: readonly PolicyNode[];
  readonly rounds: number;
  readonly onProgress: (what: string) => void;
}

/** A new connection each, packets of one that is there, and datagrams that nobody ever answers. */
export const ROWS = {
  crr: "new connection, request and response",
  rr: "request and response",
  "udp-answered": "datagram",
  udp: "datagram without answer",
} as const;

const TRAFFIC = Object.keys(ROWS) as (keyof typeof ROWS)[];

/** For so long each kind of traffic goes in a round. */
const MEASURE_MS = 200;

/**
 * Nodes in turn within each round: traffic in nanoseconds of CPU of each connection, round trip or datagram;
 * ADD and DEL in milliseconds.
 */
export function measureNodes({ nodes, rounds, onProgress }: NodesInput): Row[] {
  const traffic = new Map(TRAFFIC.map((kind) => [kind, new Map<string, number[][]>()]));
  const collector = createCollector();
  for (let round = 0; round < rounds; round++) {
    onProgress(`Round ${round + 1} of ${rounds}`);
    for (const [kind, values] of traffic)
      for (const { id, path } of inTurn(nodes, round))
        values.set(id, [...(values.get(id) ?? []), [measureTraffic(kind, path, MEASURE_MS).cpu]]);
    for (const node of inTurn(nodes, round)) measureCommands(collector, node, round);
  }
  const ours = nodes[0]?.id ?? "";
  const rows = [...traffic].map(([kind, values]) => {
    const measurements = nodes.map(({ id, name }) => ({ id, name, rounds: values.get(id) ?? [] }));
    return { name: ROWS[kind], ours, measurements };
  });
  const programs = nodes.map(({ program, name }) => ({ ...program, name: () => name }));
  const commands = (["ADD", "DEL"] as const).map((command) => {
    return { name: command, ours, measurements: collector.measurements(programs, command) };
  });
  return [...rows, ...commands];
}

function measureCommands({ collect }: Collector, { program }: PolicyNode, round: number): void {
  const pods = Array.from({ length: COMING }, (_, index) => STAYING + index);
  for (const command of ["ADD", "DEL"] as const)
    collect({ program, command, round, valuesMs: runOneByOne(program, command, pods) });
}
