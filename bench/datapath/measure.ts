import type { Row } from "../collector.ts";
import { inTurn } from "../turns.ts";
import type { Network } from "./networks.ts";
import { type Cost, KINDS, MEASURES, measureTraffic, rowName, WAYS } from "./traffic.ts";

export interface DatapathInput {
  /** Of those that have a way, the first one is the baseline. */
  readonly networks: readonly Network[];
  readonly rounds: number;
  readonly onProgress: (what: string) => void;
}

/** For so long each kind of traffic goes each way in a round: short, so that there are many rounds. */
const MEASURE_MS = 60;

/**
 * Every kind of traffic on every way, the networks in turn within each round. Values are nanoseconds per
 * byte, round trip or datagram, of each measure.
 */
export function measureDatapath({ networks, rounds, onProgress }: DatapathInput): Row[] {
  const cells = WAYS.flatMap((way) => KINDS.map(({ kind, text }) => ({ way, kind, text })));
  const costs = new Map(cells.map((cell) => [cell, new Map<string, Cost[]>()]));
  for (let round = 0; round < rounds; round++) {
    onProgress(`Round ${round + 1} of ${rounds}`);
    for (const [{ way, kind }, own] of costs) {
      for (const { id, paths } of inTurn(networks, round)) {
        const path = paths[way];
        if (path === undefined) continue;
        own.set(id, [...(own.get(id) ?? []), measureTraffic(kind, path, MEASURE_MS)]);
      }
    }
  }
  return [...costs].flatMap(([{ way, text }, own]) =>
    MEASURES.map(({ measure }) => ({
      name: rowName(way, text, measure),
      ours: way === "across nodes, VXLAN" ? "causeway-vxlan" : "causeway",
      measurements: networks
        .filter(({ paths }) => paths[way] !== undefined)
        .map(({ id, name }) => {
          return { id, name, rounds: (own.get(id) ?? []).map((cost) => [cost[measure]]) };
        }),
    })),
  );
}

/** The rate of what took so long in a row of {@link measureDatapath}, or of some ways of it. */
export function rateOf(nanoseconds: number, row: number): number {
  return KINDS[Math.floor(row / MEASURES.length) % KINDS.length]?.rateOf(nanoseconds) ?? Number.NaN;
}
