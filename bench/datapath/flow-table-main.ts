import { parseArgs } from "node:util";
import { describeMachine, enterMachine } from "../machine.ts";
import { runBench, showProgress } from "../run-bench.ts";
import { alignColumns, summarizeRows } from "../table.ts";
import { measureLinkDown } from "./link-down.ts";
import { measureDatapath, rateOf } from "./measure.ts";
import { makeCauseway, type Network } from "./networks.ts";
import { formatRates } from "./table.ts";

const NETWORKS = [
  { id: "causeway", name: "Causeway" },
  { id: "fast", name: "with the fast path", hasFastPath: true },
] as const;

const CONNECTIONS = [0, 1000, 10_000, 50_000];

await runBench(main);

/** Traffic of pods with and without the fast path, and what it costs a link that goes. */
async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { rounds: { type: "string", default: "20" } } });
  enterMachine();
  const networks: Network[] = [];
  for (const input of NETWORKS) networks.push(await makeCauseway(input));
  const rows = measureDatapath({ networks, rounds: Number(values.rounds), onProgress: showProgress });
  const measured = rows.filter(({ measurements }) => measurements.length > 0);
  console.log(`${formatRates(summarizeRows(measured), rateOf)}\n`);
  console.log(`${values.rounds} rounds, all networks in turn in each; (lowest–highest ratio of a round).\n`);
  // What they have made stays; agents would answer each link of theirs by reading.
  for (const network of networks) await network.close();
  console.log(`${networks.slice(-1).map(describeLinkDown).join("")}\n`);
  console.log(`Machine: ${describeMachine()}.`);
  return 0;
}

function describeLinkDown(network: Network): string {
  const lines = measureLinkDown(network, CONNECTIONS).map(({ connections, milliseconds }) => [
    `  ${connections.toLocaleString("en")} connections`,
    milliseconds.toFixed(1),
  ]);
  return alignColumns([["A veth goes down, with a flow table of", "ms"], ...lines]);
}
