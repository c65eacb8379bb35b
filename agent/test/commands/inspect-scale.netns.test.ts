/**
 * `doctor` and `trace` on a large node: 250 pods, 5,000 other nodes, half of them behind VXLAN. Prints what
 * it takes.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { inParallel } from "../../testing/runner/in-parallel.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import { compareWithStart } from "../../testing/programs/cost-of-command.ts";
import { type FindingsReport, findingsOf } from "../../testing/agent/run-causeway.ts";

const PODS = 250;
const PEERS = 5000;
const PREPARE = 16;
/** The best counts: a busy machine says nothing about the program. */
const RUNS = 2;
/** CPU time that commands may take, in starts of the program, that of their own included. */
const TRACE_STARTS = 4;
const DOCTOR_STARTS = 8;

let node: TestNode;
let agent: AgentProcess;
let pods: Netns[] = [];

before(async () => {
  node = makeNode();
  await host(`ip link add up0 type veth peer name far0; ip link set far0 up; ip address add 172.16.0.1/16 dev up0; ip link set up0 up
    ip route add default via 172.16.255.254`);
  const peers = Array.from({ length: PEERS }, (_, index) => {
    const [high, low] = [Math.floor(index / 250), 2 + (index % 250)];
    // The odd ones are on another subnet.
    const address = index % 2 === 0 ? `172.16.${high}.${low}` : `172.17.${high}.${low}`;
    return { name: `peer-${index}`, addresses: [address], podCIDRs: [`10.${64 + high}.${low}.0/24`] };
  });
  const own = { name: NODE_NAME, addresses: ["172.16.0.1"], podCIDRs: ["10.60.0.0/22"] };
  writeFileSync(node.nodesFile, JSON.stringify([own, ...peers]));
  agent = node.start("--standalone", "--nodes-file", node.nodesFile, "--log-level", "warn");
  await agent.waitUntilReady();
  pods = await inParallel(Array.from({ length: PODS }), PREPARE, makeNetns);
  const adding = pods.map((pod, index) => ({ pod, containerId: `c${index}` }));
  await inParallel(adding, PREPARE, ({ pod, containerId }) => node.add(containerId, pod));
});

after(async () => {
  await inParallel(pods, PREPARE, (pod) => pod.remove());
  await node.remove();
  await runOnHost("sh", "-c", "ip link del up0; ip link del cw-vx; ip route flush proto 99; true");
});

/** What a command says, which costs at most so many starts of the program. */
async function asked(
  context: TestContext,
  { command, maxStarts }: { readonly command: readonly string[]; readonly maxStarts: number },
): Promise<FindingsReport> {
  const args = [...command, "--json", "--socket", node.socket];
  const { startsOfCpu, stdout, described } = await compareWithStart(args, RUNS);
  context.diagnostic(`${startsOfCpu.toFixed(1)} starts: ${described}`);
  assert.ok(startsOfCpu < maxStarts, described);
  return JSON.parse(stdout) as FindingsReport;
}

// Before doctor, whose probes leave it known that nobody is there.
for (const { name, target } of [
  { name: "a pod of the same node", target: "10.60.0.77" },
  { name: "a direct node", target: "10.64.2.9" },
  { name: "a node behind VXLAN", target: "10.83.251.9" },
  { name: "the world", target: "198.51.100.9" },
]) {
  test(`trace to ${name} costs less than ${TRACE_STARTS} starts of the program`, async (context) => {
    const command = ["trace", "10.60.0.2", target];
    const { findings } = await asked(context, { command, maxStarts: TRACE_STARTS });
    assert.equal(findings.at(-1)?.name, "answers", JSON.stringify(findings));
    assert.equal(
      findings.find(({ verdict }) => verdict === "fail"),
      undefined,
    );
  });
}

test(`doctor costs less than ${DOCTOR_STARTS} starts of the program with ${PODS} pods and ${PEERS} nodes`, async (context) => {
  const report = await asked(context, { command: ["doctor"], maxStarts: DOCTOR_STARTS });
  assert.match(
    findingsOf(report, "pods")[0]?.evidence ?? "",
    new RegExp(`^links of ${PODS} pods are attached correctly`),
  );
  assert.match(
    findingsOf(report, "other nodes")[0]?.evidence ?? "",
    new RegExp(`^${PEERS / 2} PodCIDRs routed directly, ${PEERS / 2} through VXLAN$`),
  );
});

test(`doctor without the agent costs less than ${DOCTOR_STARTS} starts of the program`, async (context) => {
  await agent.end("SIGKILL");
  const report = await asked(context, { command: ["doctor"], maxStarts: DOCTOR_STARTS });
  assert.equal(findingsOf(report, "agent")[0]?.verdict, "fail");
});
