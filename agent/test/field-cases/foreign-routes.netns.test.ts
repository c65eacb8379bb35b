/** A node with a router's full table in its main table, as with BGP on the host. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, host } from "../../testing/machine/netns.ts";

const ROUTES = 100_000;
const CHANGED = 2000;
const ADDS = 50;
/** An even number: the link is as it was afterwards. */
const RUNS = 6;
/**
 * CPU time that the agent may take with foreign routes, times that without them: reading 100,000 once took as
 * much as ten times that of all full runs.
 */
const MAX_TIMES_CPU = 6;

let node: TestNode;
let agent: AgentProcess;
let pod: Netns;

const prefixOf = (index: number): string =>
  `${20 + (index >>> 15)}.${(index >>> 7) & 255}.${(index & 127) * 2}.0/24`;

function batch(name: string, lines: readonly string[]): string {
  const path = join(node.folder, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return `ip -batch ${path}`;
}

before(async () => {
  node = makeNode();
  pod = await makeNetns();
  await host(`ip link add up0 type veth peer name far0 && ip link set far0 up && ip address add 192.0.2.10/24 dev up0 &&
    ip link set up0 up && ip route add default via 192.0.2.1`);
  writeFileSync(
    node.nodesFile,
    JSON.stringify([
      { name: NODE_NAME, addresses: ["192.0.2.10"], podCIDRs: ["10.244.1.0/24"] },
      { name: "near", addresses: ["192.0.2.11"], podCIDRs: ["10.244.2.0/24"] },
      { name: "far", addresses: ["203.0.113.7"], podCIDRs: ["10.244.3.0/24"] },
    ]),
  );
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
});

after(async () => {
  await pod.remove();
  await node.remove();
  await host("ip link del up0; ip link del cw-vx 2>/dev/null || true");
});

const runs = async (): Promise<number> =>
  (await agent.metric('causeway_reconcile_runs_total{scope="all",outcome="ok"}')) ?? 0;

/**
 * What so many full runs and ADDs take: CPU time of the agent in seconds, and the slowest ADD but one in
 * milliseconds, the shim's process included.
 */
async function measure(
  disturb: () => Promise<unknown>,
): Promise<{ readonly cpuS: number; readonly slowMs: number }> {
  const cpu = async (): Promise<number> => (await agent.metric("process_cpu_seconds_total")) ?? assert.fail();
  const startS = await cpu();
  for (let run = 0; run < RUNS; run++) {
    const done = await runs();
    await host(`ip link set up0 mtu ${run % 2 === 0 ? 1400 : 1500}`);
    await eventually("a full run", async () => (await runs()) > done, agent.log);
  }
  const cpuS = (await cpu()) - startS;
  const disturbance = disturb();
  const times: number[] = [];
  for (let add = 0; add < ADDS; add++) {
    const startMs = performance.now();
    await node.add(`c${add}`, pod);
    times.push(performance.now() - startMs);
    await node.del(`c${add}`, pod.path);
  }
  await disturbance;
  return { cpuS, slowMs: times.toSorted((a, b) => b - a)[1] ?? 0 };
}

test(`${ROUTES} foreign routes, of which some change all the time, cost the agent next to nothing (systemd/systemd#20718)`, async (context) => {
  const quiet = await measure(() => Promise.resolve());
  const prefixes = Array.from({ length: ROUTES }, (_, index) => prefixOf(index));
  await host(
    batch(
      "load",
      prefixes.map((prefix) => `route add ${prefix} via 192.0.2.1`),
    ),
  );
  const changed = prefixes.slice(0, CHANGED);
  const change = batch("change", [
    ...changed.map((prefix) => `route replace ${prefix} via 192.0.2.2`),
    ...changed.map((prefix) => `route del ${prefix}`),
    ...changed.map((prefix) => `route add ${prefix} via 192.0.2.1`),
  ]);
  const runsBefore = await runs();
  const full = await measure(async () => {
    for (let round = 0; round < 3; round++) await host(change);
  });
  const tell = ({ cpuS, slowMs }: typeof quiet): string =>
    `${cpuS.toFixed(2)} s of CPU for ${RUNS} full runs, ADD ${slowMs.toFixed(1)} ms`;
  context.diagnostic(`quiet: ${tell(quiet)}; with ${ROUTES} routes: ${tell(full)}`);
  assert.ok(full.cpuS < MAX_TIMES_CPU * quiet.cpuS, `${tell(quiet)}; then ${tell(full)}`);
  const ofChanges = (await runs()) - runsBefore - RUNS;
  context.diagnostic(
    `${ofChanges} full runs beside those that were asked for, while ${9 * CHANGED} changes came`,
  );
});
