import type { Row } from "../collector.ts";
import { inTurn } from "../turns.ts";
import type { Network } from "./networks.ts";
import { KINDS, measureTraffic, rowName, WAYS } from "./traffic.ts";

export interface DatapathInput {
  /** Of those that have a way, the first one is the baseline. */
  readonly networks: readonly Network[];
  readonly rounds: number;
  readonly onProgress: (what: string) => void;
}

/** For so long each kind of traffic goes each way in a round. */
const MEASURE_MS = 150;

/**
 * Every kind of traffic on every way, the networks in turn within each round. Values are nanoseconds per
 * byte, round trip or datagram.
 */
export function measureDatapath({ networks, rounds, onProgress }: DatapathInput): Row[] {
  const cells = WAYS.flatMap((way) =>
    KINDS.map(({ kind, text }) => ({ way, kind, name: rowName(way, text) })),
  );
  const values = new Map(cells.map(({ name }) => [name, new Map<string, number[][]>()]));
  for (let round = 0; round < rounds; round++) {
    onProgress(`Round ${round + 1} of ${rounds}`);
    for (const { way, kind, name } of cells) {
      for (const { id, paths } of inTurn(networks, round)) {
        const path = paths[way];
        if (path === undefined) continue;
        const own = values.get(name);
        own?.set(id, [...(own.get(id) ?? []), [measureTraffic(kind, path, MEASURE_MS)]]);
      }
    }
  }
  return cells.map(({ way, name }) => ({
    name,
    ours: way === "across nodes, VXLAN" ? "causeway-vxlan" : "causeway",
    measurements: networks
      .filter(({ paths }) => paths[way] !== undefined)
      .map((network) => ({
        id: network.id,
        name: network.name,
        rounds: values.get(name)?.get(network.id) ?? [],
      })),
  }));
}
