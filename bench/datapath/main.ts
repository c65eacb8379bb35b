import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { DATAPATH_BUDGETS } from "../budgets.ts";
import { judge } from "../judge.ts";
import { describeMachine, enterMachine } from "../machine.ts";
import { newestOf, parseReleases, type Release } from "../reference.ts";
import { runBench, showProgress, showVerdicts } from "../run-bench.ts";
import { summarizeRows } from "../table.ts";
import { measureDatapath, rateOf } from "./measure.ts";
import {
  makeCauseway,
  makeRaw,
  makeReference,
  type Network,
  type NetworkInput,
  type ReferenceNetworkInput,
} from "./networks.ts";
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
      only: { type: "string", multiple: true, default: [] },
    },
  });
  enterMachine();
  const networks = await makeNetworks(newestOf(parseReleases(plugins)), values.only);
  const ids = new Set(networks.map(({ id }) => id));
  const rows = measureDatapath({
    networks,
    rounds: Number(values.rounds),
    onProgress: showProgress,
  });
  for (const network of networks) await network.close();
  const compared = rows.filter(({ ours, measurements }) => measurements.some(({ id }) => id === ours));
  const summaries = summarizeRows(compared);
  const verdicts = judge(
    rows,
    DATAPATH_BUDGETS.filter(({ program, of }) => ids.has(program) && ids.has(of)),
  );
  const machine = describeMachine();
  writeFileSync(values.json, `${JSON.stringify({ machine, summaries, verdicts, rows }, undefined, 1)}\n`);
  console.log(`${formatRates(summaries, rateOf)}\n`);
  console.log(`${values.rounds} rounds, all networks in turn in each; (lowest–highest ratio of a round).`);
  console.log(`Machine: ${machine}.\n`);
  return showVerdicts(verdicts, values.gate);
}

/** All of them, or those with these identifiers. */
async function makeNetworks(release: Release, only: readonly string[]): Promise<Network[]> {
  const bridge = `bridge ${release.version}`;
  const reference = { release, plugin: "bridge", ipMasq: "iptables" } as const;
  const byHand = { release, plugin: "bridge", ipMasq: undefined } as const;
  const raw = (input: NetworkInput) => ({ ...input, make: () => makeRaw(input) });
  const plugin = (input: ReferenceNetworkInput) => ({ ...input, make: () => makeReference(input) });
  const ours = (input: NetworkInput) => ({ ...input, make: () => makeCauseway(input) });
  const networks: readonly { readonly id: string; readonly make: () => Network | Promise<Network> }[] = [
    raw({ id: "raw", name: "raw veth" }),
    plugin({ id: "bridge", name: `${bridge}, ipMasq`, ...reference }),
    plugin({ id: "by-hand", name: `${bridge}, a rule by hand`, ...byHand }),
    plugin({ id: "ptp", name: `ptp ${release.version}, ipMasq`, ...reference, plugin: "ptp" }),
    ours({ id: "causeway", name: "Causeway" }),
    ours({ id: "causeway-unguarded", name: "Causeway, no filters", withoutGuards: "all" }),
    plugin({ id: "bridge-5000", name: `${bridge}, 5,000 peers`, ...reference, peers: 5000 }),
    ours({ id: "causeway-1000", name: "Causeway, 1,000 peers", peers: 1000 }),
    ours({ id: "causeway-5000", name: "Causeway, 5,000 peers", peers: 5000 }),
    plugin({
      id: "bridge-ports",
      name: `${bridge} + portmap, 1,000 host ports`,
      ...reference,
      ipMasq: "nftables",
      hostPorts: 1000,
    }),
    ours({ id: "causeway-ports", name: "Causeway, 1,000 host ports", hostPorts: 1000 }),
    raw({ id: "raw-vxlan", name: "raw veth", isVxlan: true }),
    plugin({ id: "bridge-vxlan", name: `${bridge}, VXLAN by hand`, ...byHand, isVxlan: true }),
    ours({ id: "causeway-vxlan", name: "Causeway", isVxlan: true }),
    ours({
      id: "causeway-vxlan-unguarded",
      name: "Causeway, no filters",
      isVxlan: true,
      withoutGuards: "all",
    }),
    ours({
      id: "causeway-vxlan-trusting",
      name: "Causeway, inner sources not checked",
      isVxlan: true,
      withoutGuards: "overlay-unwrapped",
    }),
    ours({ id: "causeway-vxlan-1000", name: "Causeway, 1,000 peers", isVxlan: true, peers: 1000 }),
    ours({ id: "causeway-vxlan-5000", name: "Causeway, 5,000 peers", isVxlan: true, peers: 5000 }),
  ];
  const wanted = networks.filter(({ id }) => only.length === 0 || only.includes(id));
  const made: Network[] = [];
  for (const { make } of wanted) {
    const network = await make();
    showProgress(`Made: ${network.id}`);
    made.push(network);
  }
  return made;
}
