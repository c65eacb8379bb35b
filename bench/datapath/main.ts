import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { DATAPATH_BUDGETS } from "../budgets.ts";
import { judge } from "../judge.ts";
import { describeMachine, enterMachine } from "../machine.ts";
import { newestOf, parseReleases, type Release } from "../reference.ts";
import { runBench, showProgress, showVerdicts } from "../run-bench.ts";
import { summarizeRows } from "../table.ts";
import { measureDatapath, rateOf } from "./measure.ts";
import { makeCauseway, makeRaw, makeReference, type Network } from "./networks.ts";
import { formatRates } from "./table.ts";

await runBench(main);

/** Exit code: 0 done, 1 a budget was missed and --gate given. */
async function main([plugins = "", ...args]: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "20" },
      json: { type: "string", default: "bench/datapath-results.json" },
      gate: { type: "boolean", default: false },
    },
  });
  enterMachine();
  const networks = await makeNetworks(newestOf(parseReleases(plugins)));
  const rows = measureDatapath({
    networks,
    rounds: Number(values.rounds),
    onProgress: showProgress,
  });
  for (const network of networks) await network.close();
  const summaries = summarizeRows(rows);
  const verdicts = judge(rows, DATAPATH_BUDGETS);
  const machine = describeMachine();
  writeFileSync(values.json, `${JSON.stringify({ machine, summaries, verdicts, rows }, undefined, 1)}\n`);
  console.log(`${formatRates(summaries, rateOf)}\n`);
  console.log(`${values.rounds} rounds, all networks in turn in each; (lowest–highest ratio of a round).`);
  console.log(`Machine: ${machine}.\n`);
  return showVerdicts(verdicts, values.gate);
}

async function makeNetworks(release: Release): Promise<Network[]> {
  const bridge = `bridge ${release.version}`;
  const reference = { release, plugin: "bridge", ipMasq: "iptables" } as const;
  const byHand = { release, plugin: "bridge", ipMasq: undefined } as const;
  const networks: (() => Network | Promise<Network>)[] = [
    () => makeRaw({ id: "raw", name: "raw veth" }),
    () => makeReference({ id: "bridge", name: `${bridge}, ipMasq`, ...reference }),
    () => makeReference({ id: "by-hand", name: `${bridge}, a rule by hand`, ...byHand }),
    () => makeReference({ id: "ptp", name: `ptp ${release.version}, ipMasq`, ...reference, plugin: "ptp" }),
    () => makeCauseway({ id: "causeway", name: "Causeway" }),
    () => makeCauseway({ id: "causeway-unguarded", name: "Causeway, no filters", isUnguarded: true }),
    () => makeReference({ id: "bridge-5000", name: `${bridge}, 5,000 peers`, ...reference, peers: 5000 }),
    () => makeCauseway({ id: "causeway-1000", name: "Causeway, 1,000 peers", peers: 1000 }),
    () => makeCauseway({ id: "causeway-5000", name: "Causeway, 5,000 peers", peers: 5000 }),
    () =>
      makeReference({
        id: "bridge-ports",
        name: `${bridge} + portmap, 1,000 host ports`,
        ...reference,
        ipMasq: "nftables",
        hostPorts: 1000,
      }),
    () => makeCauseway({ id: "causeway-ports", name: "Causeway, 1,000 host ports", hostPorts: 1000 }),
    () => makeRaw({ id: "raw-vxlan", name: "raw veth", isVxlan: true }),
    () => makeReference({ id: "bridge-vxlan", name: `${bridge}, VXLAN by hand`, ...byHand, isVxlan: true }),
    () => makeCauseway({ id: "causeway-vxlan", name: "Causeway", isVxlan: true }),
    () =>
      makeCauseway({ id: "causeway-vxlan-1000", name: "Causeway, 1,000 peers", isVxlan: true, peers: 1000 }),
    () =>
      makeCauseway({ id: "causeway-vxlan-5000", name: "Causeway, 5,000 peers", isVxlan: true, peers: 5000 }),
  ];
  const made: Network[] = [];
  for (const make of networks) {
    const network = await make();
    showProgress(`Made: ${network.id}`);
    made.push(network);
  }
  return made;
}
