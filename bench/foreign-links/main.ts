import { parseArgs } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { startCauseway } from "../causeway.ts";
import { BRIDGE } from "../floor.ts";
import { outcomeOf, type Verdict } from "../judge.ts";
import { describeMachine, enterMachine, type Host, ip, makeHost, show } from "../machine.ts";
import { runBench, showProgress, showVerdicts } from "../run-bench.ts";
import { runOneByOne } from "../run-program.ts";
import { median } from "../statistics.ts";
import { makeLinks, startChurn } from "./churn.ts";

const LINKS = 5000;
const POD_CIDRS = ["10.244.0.0/22"] as const;
const PODS = 10;

/** A repair that takes longer has failed. */
const DEADLINE_MS = 60_000;
const POLL_MS = 5;

/** Milliseconds of each round. */
interface Times {
  readonly start: number[];
  readonly repair: number[];
}

/** What was promised of a node among such links. */
const BUDGETS = [
  { of: "start", text: "start to ready", atMostMs: 2000 },
  { of: "repair", text: "a bridge that was set down is up again", atMostMs: 1000 },
] as const;

await runBench(main);

/** Exit code: 0 done, 1 a budget was missed and --gate given. */
async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: "string", default: "5" }, gate: { type: "boolean", default: false } },
  });
  enterMachine();
  const rounds = Number(values.rounds);
  showProgress("Quiet");
  const quiet = await measure(makeHost("quiet", 0, PODS), rounds);
  const host = makeHost("amid", 1, PODS);
  showProgress(`Making ${LINKS} links`);
  makeLinks(host, LINKS);
  const churn = startChurn(host, LINKS);
  showProgress("Amid links that come and go");
  const startMs = performance.now();
  const amid = await measure(host, rounds);
  const perSecond = (churn.count() * 1000) / (performance.now() - startMs);
  await churn.stop();
  const verdicts = BUDGETS.map(({ of, text, atMostMs }): Verdict => {
    const [got, before] = [median(amid[of]), median(quiet[of])];
    const outcome = outcomeOf({ got, best: Math.min(...amid[of]), atMost: atMostMs });
    const ratio = `${(got / before).toFixed(1)} × ${before.toFixed(0)} ms without them`;
    return {
      text: `${outcome.padEnd(8)} ${text}: ${got.toFixed(0)} ms, ${ratio}, budget ${atMostMs} ms`,
      outcome,
    };
  });
  console.log(
    `Amid ${LINKS} links of others, of which ${perSecond.toFixed(0)} a second are deleted and made again; median of ${rounds} rounds.`,
  );
  console.log(`Machine: ${describeMachine()}.\n`);
  return showVerdicts(verdicts, values.gate);
}

/** Each round starts an agent, and does it damage. */
async function measure(host: Host, rounds: number): Promise<Times> {
  const times: Times = { start: [], repair: [] };
  const pods = Array.from({ length: PODS }, (_, pod) => pod);
  for (let round = 0; round < rounds; round++) {
    const agent = await startCauseway({ id: host.netns, host, podCIDRs: POD_CIDRS });
    times.start.push(agent.startToReadyMs);
    if (round === 0) runOneByOne(agent, "ADD", pods);
    await delay(2000);
    times.repair.push(await repairTime(host));
    await agent.close();
  }
  return times;
}

async function repairTime({ netns }: Host): Promise<number> {
  ip([`link set ${BRIDGE} down`], netns);
  const startMs = performance.now();
  while (!isUp(netns)) {
    if (performance.now() - startMs > DEADLINE_MS) throw new Error(`Cannot measure: "${BRIDGE}" stays down`);
    await delay(POLL_MS);
  }
  return performance.now() - startMs;
}

function isUp(netns: string): boolean {
  const [link] = show(netns, "ip", "link", "show", "dev", BRIDGE) as { flags: string[] }[];
  return link?.flags.includes("UP") === true;
}
